//! What is an argument of axum's handlers, or an answer of theirs.

use axum_core::body::Body;
use axum_core::extract::FromRequestParts;
use axum_core::response::{IntoResponse, Response};
use http::request::Parts;

use crate::client_ip::ClientIp;
use crate::failure::Failure;
use crate::nonce::Nonce;
use crate::request_id::InRequest;

impl<S: Send + Sync> FromRequestParts<S> for ClientIp {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        Ok(Self::of(parts)?)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for InRequest {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        Ok(Self::of(parts)?)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Nonce {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        Ok(Self::of(parts)?)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        self.answer().map(Body::from)
    }
}

#[cfg(feature = "limit")]
mod limit {
    use std::convert::Infallible;

    use axum_core::response::{IntoResponseParts, ResponseParts};

    use crate::limit::Counted;

    impl IntoResponseParts for Counted {
        type Error = Infallible;

        fn into_response_parts(
            self,
            mut answer: ResponseParts,
        ) -> Result<ResponseParts, Infallible> {
            self.put(answer.headers_mut());
            Ok(answer)
        }
    }
}

#[cfg(feature = "session")]
mod session {
    use std::convert::Infallible;

    use axum_core::response::{IntoResponse, IntoResponseParts, Response, ResponseParts};

    use crate::session::SessionCookie;

    impl IntoResponseParts for SessionCookie {
        type Error = Infallible;

        fn into_response_parts(
            self,
            mut answer: ResponseParts,
        ) -> Result<ResponseParts, Infallible> {
            self.put(answer.headers_mut());
            Ok(answer)
        }
    }

    impl IntoResponse for SessionCookie {
        fn into_response(self) -> Response {
            (self, ()).into_response()
        }
    }
}
