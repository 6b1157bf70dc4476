//! The web layer of keyward under actix-web: pages behind a policy for people, hooks behind one for
//! machines, sessions from cookies. `layer.rs` is what a service takes over as it is.

mod layer;
mod sessions;

use std::rc::Rc;

use actix_web::web::{Bytes, Data, Form, ReqData, ServiceConfig, get, post, scope};
use actix_web::{HttpResponse, middleware};
use http::request::Parts;
use keyward_base::{Result, Subject};
use keyward_http::session::WebSessions;
use keyward_http::{ClientIp, Failure, Nonce, RoutePolicy, WebGuard};
use keyward_session::{Start, User};

pub use layer::{Refused, guarded};
pub use sessions::in_memory;

/// What handlers need. A cheap clone: each worker has one.
#[derive(Clone, Debug)]
pub struct App {
    web: WebSessions,
    pages: RoutePolicy,
    machines: RoutePolicy,
}

impl App {
    pub async fn new(guard: WebGuard) -> Result<Self> {
        Ok(Self {
            web: WebSessions::new(in_memory().await?, &guard)?,
            pages: RoutePolicy::pages(&guard),
            machines: RoutePolicy::machines(&guard),
        })
    }

    /// The routes: each group behind its policy, and the pages last, so that they answer for
    /// addresses that nobody has.
    pub fn routes(self, config: &mut ServiceConfig) {
        let (pages, machines) = (self.pages.clone(), self.machines.clone());
        let hooks = scope("/hooks")
            .wrap(middleware::from_fn(move |request, next| {
                guarded(machines.clone(), request, next)
            }))
            .route("/git", post().to(hook));
        let people = scope("")
            .wrap(middleware::from_fn(move |request, next| {
                guarded(pages.clone(), request, next)
            }))
            .route("/", get().to(home))
            .route("/login", post().to(log_in))
            .route("/me", get().to(me))
            .route("/me", post().to(me))
            .route("/client", get().to(client))
            .route("/fails", get().to(fails));
        config
            .app_data(Data::new(self))
            .service(hooks)
            .service(people);
    }
}

type Head = ReqData<Rc<Parts>>;

async fn home(head: Head) -> std::result::Result<HttpResponse, Refused> {
    let nonce = Nonce::of(&head)?;
    let page = format!("<!doctype html><title>hello</title><style nonce=\"{nonce}\"></style>hello");
    Ok(HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .body(page))
}

#[derive(serde::Deserialize)]
struct LogIn {
    name: String,
}

async fn log_in(
    app: Data<App>,
    head: Head,
    form: Form<LogIn>,
) -> std::result::Result<HttpResponse, Refused> {
    let earlier = app.web.live_if_any::<User>(&head).await?;
    let subject = Subject::new(&form.name).map_err(Failure::input)?;
    let started = app
        .web
        .sessions()
        .start(
            sessions::Shown::to_be(subject)?,
            Start::new().replacing(earlier.as_deref()),
        )
        .await?;
    Ok(layer::with_cookie(
        HttpResponse::NoContent(),
        app.web.begin(&started)?,
    ))
}

async fn me(app: Data<App>, head: Head) -> std::result::Result<String, Refused> {
    let live = app.web.live::<User>(&head).await?;
    Ok(live.subject().to_string())
}

async fn client(head: Head) -> std::result::Result<String, Refused> {
    let client = ClientIp::of(&head)?;
    Ok(format!("{} {:?}", client.address(), client.basis()))
}

async fn hook(head: Head, body: Bytes) -> String {
    let cookies = head.headers.contains_key(http::header::COOKIE);
    format!("{} bytes, cookies: {cookies}", body.len())
}

async fn fails() -> String {
    panic!("the table accounts has no row 7");
}
