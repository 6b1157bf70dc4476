//! Routes that can be listed. axum cannot say which it has; so each is declared here, and nothing else
//! makes a router.

use axum::Router;
use axum::extract::{FromRequestParts, Request};
use axum::handler::Handler;
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{self, MethodRouter};
use keyward_axum::approval::{self, ApprovalPages};
use keyward_axum::limit::{Limits, RateLimit};
use keyward_axum::{RoutePolicy, proof};

/// What an address answers, by method.
#[derive(Debug)]
pub(crate) struct Answers<S> {
    methods: Vec<&'static str>,
    router: MethodRouter<S>,
}

/// To look: `GET`, and `HEAD` with it.
pub(crate) fn get<H, T, S>(handler: H) -> Answers<S>
where
    H: Handler<T, S>,
    T: 'static,
    S: Clone + Send + Sync + 'static,
{
    Answers {
        methods: vec!["GET", "HEAD"],
        router: routing::get(handler),
    }
}

/// To do something.
pub(crate) fn post<H, T, S>(handler: H) -> Answers<S>
where
    H: Handler<T, S>,
    T: 'static,
    S: Clone + Send + Sync + 'static,
{
    Answers {
        methods: vec!["POST"],
        router: routing::post(handler),
    }
}

/// Whatever the method.
pub(crate) fn any<H, T, S>(handler: H) -> Answers<S>
where
    H: Handler<T, S>,
    T: 'static,
    S: Clone + Send + Sync + 'static,
{
    Answers {
        methods: vec!["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
        router: routing::any(handler),
    }
}

impl<S: Clone + Send + Sync + 'static> Answers<S> {
    /// And to do something.
    pub(crate) fn post<H, T>(mut self, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        self.methods.push("POST");
        self.router = self.router.post(handler);
        self
    }
}

/// An address, and what it answers to.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    pub(crate) path: String,
    pub(crate) methods: Vec<&'static str>,
}

/// A group of routes.
#[derive(Debug)]
pub(crate) struct Routes<S = ()> {
    listed: Vec<Listed>,
    router: Router<S>,
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    pub(crate) fn new() -> Self {
        Self {
            listed: Vec::new(),
            router: Router::new(),
        }
    }

    /// With one more.
    pub(crate) fn route(mut self, path: &str, answers: Answers<S>) -> Self {
        self.listed.push(Listed {
            path: path.to_owned(),
            methods: answers.methods,
        });
        self.router = self.router.route(path, answers.router);
        self
    }

    /// With those of another group, each of which stays behind what is before it.
    pub(crate) fn merge(mut self, other: Self) -> Self {
        self.listed.extend(other.listed);
        self.router = self.router.merge(other.router);
        self
    }

    /// Behind the proof `P`, whatever the method.
    pub(crate) fn behind<P>(mut self, state: &S) -> Self
    where
        P: FromRequestParts<S> + Send + 'static,
    {
        self.router = proof::guard::<P, S>(self.router, state).into();
        self
    }

    /// Held to limits. They stand behind the proof that they count by.
    pub(crate) fn limits(mut self, limits: RateLimit) -> Self {
        self.router = self.router.layer(Limits::new(limits));
        self
    }

    /// Each run to its end, though its client has gone away: a button that is pressed twice takes the
    /// first request back, and a password that was ended and not yet replaced would be none.
    pub(crate) fn run_to_the_end(mut self) -> Self {
        self.router = self.router.layer(from_fn(to_the_end));
        self
    }

    /// Behind what its callers have in common. It comes last.
    pub(crate) fn policy(mut self, policy: RoutePolicy) -> Self {
        self.router = self.router.layer(policy);
        self
    }

    pub(crate) fn with_state(self, state: S) -> Routes {
        Routes {
            listed: self.listed,
            router: self.router.with_state(state),
        }
    }

    /// What is declared.
    pub(crate) fn listed(&self) -> &[Listed] {
        &self.listed
    }
}

impl Routes {
    /// The pages of mailed links of approvals, for each tenant below these paths: as the library has them.
    pub(crate) fn of_links(paths: &[&'static str]) -> Self {
        let listed = paths.iter().map(|path| Listed {
            path: format!("{path}/{{tenant}}"),
            methods: vec!["GET", "HEAD", "POST"],
        });
        Self {
            listed: listed.collect(),
            router: Router::new(),
        }
    }

    /// With what answers there.
    pub(crate) fn answered_by(mut self, pages: impl IntoIterator<Item = ApprovalPages>) -> Self {
        for pages in pages {
            self.router = self.router.merge(approval::pages(pages));
        }
        self
    }

    /// What a server takes.
    pub(crate) fn into_router(self) -> Router {
        self.router
    }
}

async fn to_the_end(request: Request, next: Next) -> Response {
    match tokio::spawn(next.run(request)).await {
        Ok(response) => response,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The process ends.
            Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        },
    }
}
