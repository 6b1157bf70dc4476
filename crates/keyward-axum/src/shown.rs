//! Error pages that the service writes itself.

use axum::response::{IntoResponse, Response};
use http::StatusCode;

use crate::bodies;

/// An error response whose body the service wrote for people, such as a form shown again with
/// what to mend. It is left as it is; all other error bodies are replaced.
#[derive(Debug)]
pub struct Shown<R>(StatusCode, R);

impl<R: IntoResponse> Shown<R> {
    /// A page that is safe to show. It must hold no secret and nothing of the inside.
    #[must_use]
    pub const fn new(status: StatusCode, page: R) -> Self {
        Self(status, page)
    }
}

impl<R: IntoResponse> IntoResponse for Shown<R> {
    fn into_response(self) -> Response {
        let mut response = (self.0, self.1).into_response();
        bodies::keep(response.extensions_mut());
        response
    }
}
