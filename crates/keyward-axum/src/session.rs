//! Sessions, as arguments of handlers.
//!
//! A handler that takes a [`LiveSession`] runs for a request with a session of that kind, and for no
//! other; a request that may change something has to come from a page of the service as well. What
//! the extractors need is in the router's state: a router without it does not compile.
//!
//! ```no_run
//! use axum::extract::{FromRef, State};
//! use axum::response::{IntoResponse, Redirect, Response};
//! use axum::{Router, routing::{get, post}};
//! use keyward_axum::session::{LiveSession, OwnPage, WebSessions};
//! use keyward_axum::{Failure, Origins, RoutePolicy, SecretForm, WebGuard, proof::guard};
//! use keyward_session::{Admin, Sessions, Start, User};
//! # fn evidence(_: SecretForm) -> keyward_base::Result<impl keyward_base::Evidence> {
//! #     #[derive(Debug)]
//! #     struct Shown(keyward_base::Tenant, keyward_base::Subject);
//! #     impl keyward_base::Evidence for Shown {
//! #         fn tenant(&self) -> &keyward_base::Tenant { &self.0 }
//! #         fn subject(&self) -> &keyward_base::Subject { &self.1 }
//! #         fn method(&self) -> keyward_base::Method { keyward_base::Method::PASSWORD }
//! #         fn door(&self) -> keyward_base::Door { keyward_base::Door::new("users") }
//! #         fn at(&self) -> keyward_base::Timestamp { keyward_base::Timestamp::from_millis(0) }
//! #         fn is_factor_due(&self) -> bool { false }
//! #     }
//! #     let tenant = keyward_base::Tenant::new("acme")?;
//! #     Ok(Shown(tenant, keyward_base::Subject::new("ann")?))
//! # }
//!
//! #[derive(Clone)]
//! struct App {
//!     web: WebSessions,
//! }
//!
//! impl FromRef<App> for WebSessions {
//!     fn from_ref(app: &App) -> Self {
//!         app.web.clone()
//!     }
//! }
//!
//! // A form that starts a session comes from a page of the service, or somebody else's page could
//! // log a person in as whom it likes.
//! async fn log_in(
//!     State(app): State<App>,
//!     _: OwnPage,
//!     earlier: Option<LiveSession<User>>,
//!     form: SecretForm,
//! ) -> Result<Response, Failure> {
//!     let evidence = evidence(form)?; // The log-in call.
//!     // What this browser had ends in the same step.
//!     let start = Start::new().replacing(earlier.as_deref().map(|live| &**live));
//!     let started = app.web.sessions().start(evidence, start).await?;
//!     Ok((app.web.begin(&started)?, Redirect::to("/")).into_response())
//! }
//!
//! async fn home(live: LiveSession<User>) -> String {
//!     format!("hello {}", live.subject())
//! }
//!
//! async fn log_out(State(app): State<App>, live: LiveSession<User>) -> Result<Response, Failure> {
//!     app.web.sessions().end(&live).await?;
//!     Ok((app.web.log_out::<User>()?, Redirect::to("/login")).into_response())
//! }
//!
//! # fn routes(sessions: Sessions) -> keyward_base::Result<Router> {
//! let web = WebGuard::new(Origins::only(&["https://app.example.com"])?);
//! let app = App { web: WebSessions::new(sessions, &web)? };
//! let admin = Router::new().route("/", get(|| async { "all of it" }));
//! let routes = Router::new()
//!     .route("/", get(home))
//!     .route("/login", post(log_in))
//!     .route("/logout", post(log_out))
//!     .nest("/admin", guard::<LiveSession<Admin>, _>(admin, &app).into())
//!     .layer(RoutePolicy::pages(&web))
//!     .with_state(app);
//! # Ok(routes) }
//! ```
//!
//! Without `WebSessions` in the state there is no such router:
//!
//! ```compile_fail,E0277
//! use axum::{Router, routing::get};
//! use keyward_axum::session::LiveSession;
//! use keyward_session::User;
//!
//! #[derive(Clone)]
//! struct App;
//!
//! async fn home(_: LiveSession<User>) {}
//!
//! let routes: Router<App> = Router::new().route("/", get(home));
//! ```
//!
//! # What is answered
//!
//! | | status |
//! |---|---|
//! | no cookie of that kind, or one whose session does not live | 401 |
//! | [`Fresh`], and it is too long ago | 401 |
//! | what may change something, and comes from elsewhere | 403 |
//! | a host that is none of the service's | 421 |
//! | store, keys or clock are not available | 503, with `Retry-After` |
//!
//! The body depends on the status alone, and no refusal touches a cookie: of two requests that a
//! browser sent at once, the one that comes late with the old id must not take the new one away. An
//! answer for which a session was asked for is not kept by any cache, unless the handler says that
//! the browser's own may (`Cache-Control: private`), and says `Vary: Cookie`.

mod fresh;
mod live;
mod own_page;

pub use fresh::Fresh;
pub use live::LiveSession;
pub use own_page::OwnPage;

pub use keyward_http::session::{SessionCookie, WebSessions};
