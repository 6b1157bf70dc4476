//! Sessions: from a cookie to whose it is, and what is answered where there is none.
//!
//! ```no_run
//! use keyward_http::session::WebSessions;
//! use keyward_http::{Failure, Origins, WebGuard};
//! use keyward_session::{Sessions, User};
//!
//! # fn state(sessions: Sessions) -> keyward_base::Result<WebSessions> {
//! let web = WebGuard::new(Origins::only(&["https://app.example.com"])?);
//! let sessions = WebSessions::new(sessions, &web)?;
//! # Ok(sessions) }
//!
//! // The parts on which the policy decided, as `RoutePolicy::decide` left them.
//! async fn home(sessions: &WebSessions, request: &http::request::Parts) -> Result<String, Failure> {
//!     let live = sessions.live::<User>(request).await?;
//!     Ok(format!("hello {}", live.subject()))
//! }
//! ```
//!
//! # What is answered
//!
//! | | status |
//! |---|---|
//! | no cookie of that kind, or one whose session does not live | 401 |
//! | [`WebSessions::fresh`], and it is too long ago | 401 |
//! | what may change something, and comes from elsewhere | 403 |
//! | a host that is none of the service's | 421 |
//! | store, keys or clock are not available | 503, with `Retry-After` |
//!
//! The body depends on the status alone, and no refusal touches a cookie: of two requests that a
//! browser sent at once, the one that comes late with the old id must not take the new one away. An
//! answer for which a session was asked for is not kept by any cache, unless the handler says that
//! the browser's own may (`Cache-Control: private`), and says `Vary: Cookie`.

mod answer;
mod web;

pub use answer::SessionCookie;
pub use web::WebSessions;
