//! What routes for programs ask of a bearer token, whatever it is good for.

use http::request::Parts;
use keyward_base::{Error, ErrorKind, Result};

use crate::authorization;
use crate::challenge::Challenge;
use crate::failure::Failure;
use crate::guard::WebGuard;
use crate::{reason, seen};

/// Goes with a request that a policy for machines let through: cookies were taken off it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OfMachine;

/// How a realm asks for tokens, and refuses them.
#[derive(Clone, Debug)]
pub(crate) struct Bearer {
    asks: Challenge,
    refuses: Challenge,
}

impl Bearer {
    /// Of a service that answers as `guard` says. See [`Challenge::bearer`].
    ///
    /// # Errors
    /// `Misuse` for a realm that is none; and if the origins are plain HTTP and not on loopback: a
    /// bearer token goes over TLS only (RFC 6750, section 5.3).
    pub(crate) fn of(guard: &WebGuard, realm: &str) -> Result<Self> {
        if !guard.origins.is_secure() {
            return Err(Error::misuse(
                "a bearer token goes over TLS only: the origins must be https, here or at a proxy in \
                 front, or on loopback",
            ));
        }
        let asks = Challenge::bearer(realm)?;
        let refuses = asks.invalid_token()?;
        Ok(Self { asks, refuses })
    }

    /// The token of a request of a program. Its answer is kept from others' caches from now on.
    ///
    /// What is no token of ours at all asks for one; what is one of a kind is refused as any that is
    /// not good. RFC 6750, section 3.1, would answer 400 where two are sent: all is 401 here, so that
    /// nobody learns more from one refusal than from another.
    pub(crate) fn token<'a>(&self, request: &'a Parts) -> Result<&'a str, Failure> {
        if request.extensions.get::<OfMachine>().is_none() {
            return Err(Failure::from(Error::misuse(
                "what goes by bearer tokens needs RoutePolicy::machines before its route, which takes \
                 cookies away",
            )));
        }
        seen::mark(request);
        match authorization::bearer(&request.headers) {
            Ok(Some(token)) => Ok(token),
            Ok(None) => Err(self.ask(Error::rejected(reason::NO_TOKEN))),
            Err(error) if error.reason() == Some(reason::OTHER_SCHEME) => Err(self.ask(error)),
            Err(error) => Err(self.refused(error)),
        }
    }

    /// A refusal: 403, which says what a token would have to be good for.
    pub(crate) fn beyond(&self, scope: &str, error: Error) -> Failure {
        match self.asks.insufficient_scope(scope) {
            Ok(challenge) => Failure::beyond(&challenge, error),
            Err(wrong) => Failure::from(wrong),
        }
    }

    fn ask(&self, error: Error) -> Failure {
        Failure::unauthenticated(&self.asks, error)
    }

    /// A refusal: 401 where the sender is at fault.
    pub(crate) fn refused(&self, error: Error) -> Failure {
        match error.kind() {
            ErrorKind::Rejected => Failure::unauthenticated(&self.refuses, error),
            _ => Failure::from(error),
        }
    }
}
