//! A service with a vault, and with a table of its own that has a sealed column. `POST /rotate`
//! replaces its keys to the end while it goes on answering.
#![allow(clippy::print_stdout, clippy::print_stderr)] // An example shows what it does.

use std::path::Path as File;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::{get, post};
use keyward::axum::serve::Server;
use keyward::axum::{Failure, Origins, RoutePolicy, SecretForm, WebGuard};
use keyward::embedded::{Home, Layout, OwnColumn};
use keyward::keys::Stage;
use keyward::vault::Credential;
use keyward::{Error, Result};
use rusqlite::{Connection, params};
use tokio::sync::Mutex;

// The schema.
const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS server (
        id       INTEGER PRIMARY KEY,
        tenant   TEXT NOT NULL,
        password TEXT -- sealed: kw1.…
    ) STRICT;
    CREATE INDEX IF NOT EXISTS server_key ON server (substr(password, 1, 16));";

const PASSWORDS: Layout<'_> = Layout {
    table: "server",
    id: "id",
    tenant: "tenant",
    column: "password",
    version: None,
};

// The service.
struct Service {
    home: Home,
    db: Mutex<Connection>,
    passwords: OwnColumn,
}

type Shared = State<Arc<Service>>;
type Of<T> = Path<(String, T)>;
type Answer = std::result::Result<String, Failure>;

impl Service {
    async fn rotate(&self) -> Result<()> {
        let (admin, purpose) = (self.home.keyring().admin(), self.home.vault().purpose());
        let mut rotation = admin.rotation(purpose);
        loop {
            match rotation.step().await? {
                Stage::Done { .. } => return Ok(()),
                Stage::Rewrap { .. } => {
                    let _moved = admin.rewrap_values(purpose, |_| {}).await?;
                }
                _ => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    }
}

async fn put_token(State(at): Shared, Path(of): Of<String>, mut form: SecretForm) -> Answer {
    let tokens = at.home.vault().tenant(&of.0)?.place("account.token")?;
    let token = Credential::api_key(form.secret("secret"))?;
    let stored = tokens.record(&of.1)?.overwrite(&token).await?;
    Ok(stored.hint.to_string())
}

async fn use_token(State(at): Shared, Path(of): Of<String>) -> Answer {
    let tokens = at.home.vault().tenant(&of.0)?.place("account.token")?;
    let opened = tokens.record(&of.1)?.open().await?;
    Ok(format!("{} bytes", opened.bytes().len()))
}

/// A value is bound to its row: its tenant, and its id.
async fn put_password(State(at): Shared, Path(of): Of<i64>, mut form: SecretForm) -> Answer {
    let secret = form.secret("secret");
    let value = at.passwords.seal(&of.0, of.1, &secret).await?;
    let db = at.db.lock().await;
    at.passwords.check_use(&value)?; // As late as can be.
    let sql = "INSERT OR REPLACE INTO server (tenant, id, password) VALUES (?1, ?2, ?3)";
    db.execute(sql, params![of.0, of.1, value.as_str()])
        .map_err(failed)?;
    Ok(value.to_string())
}

async fn use_password(State(at): Shared, Path(of): Of<i64>) -> Answer {
    let sql = "SELECT password FROM server WHERE tenant = ?1 AND id = ?2";
    let read = |row: &rusqlite::Row<'_>| row.get(0);
    let found = at.db.lock().await.query_row(sql, params![of.0, of.1], read);
    let text: String = found.map_err(failed)?;
    let opened = at.passwords.open(&of.0, of.1, &text).await?;
    Ok(format!("{} bytes", opened.len()))
}

/// Killed, and asked for again, it goes on where it was.
async fn rotate(State(at): Shared) -> &'static str {
    tokio::spawn(async move { at.rotate().await.inspect_err(|e| eprintln!("{e}")) });
    "begun"
}

fn failed(e: rusqlite::Error) -> Error {
    Error::unavailable("the table of servers cannot be reached").with_source(e)
}

pub(crate) async fn routes(home: Home, database: &File) -> Result<Router> {
    let db = Connection::open(database).map_err(failed)?;
    db.execute_batch(SCHEMA).map_err(failed)?;
    let passwords = home.own_column(database, &PASSWORDS).await?;
    let db = Mutex::new(db);
    let guard = WebGuard::new(Origins::loopback());
    Ok(Router::new()
        .route("/tokens/{tenant}/{id}", get(use_token).post(put_token))
        .route(
            "/servers/{tenant}/{id}",
            get(use_password).post(put_password),
        )
        .route("/rotate", post(rotate))
        .with_state(Arc::new(Service {
            home,
            db,
            passwords,
        }))
        .layer(RoutePolicy::machines(&guard)))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let routes = routes(Home::open_default("web-1").await?, "servers.db".as_ref()).await?;
    let broken = |e| Error::unavailable("the service cannot listen").with_source(e);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8080")
        .await
        .map_err(broken)?;
    println!("listening on http://127.0.0.1:8080");
    let server = Server::new(routes).run(listener, std::future::pending());
    server.await.map_err(broken)
}
