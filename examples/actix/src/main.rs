//! `cargo run`, then `curl -i http://127.0.0.1:8080/`.

use actix_web::HttpServer;
use keyward_example_actix::App;
use keyward_http::{Origins, WebGuard};

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let guard = WebGuard::new(Origins::loopback());
    let app = App::new(guard).await.map_err(std::io::Error::other)?;
    HttpServer::new(move || {
        let app = app.clone();
        actix_web::App::new().configure(|config| app.routes(config))
    })
    .bind(("127.0.0.1", 8080))?
    .run()
    .await
}
