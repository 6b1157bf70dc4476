//! What the routes work with, and who is behind a request.

use std::ops::Deref;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use keyward_axum::Failure;
use keyward_base::{Actor, Subject, Tenant};

use crate::desk::{Administrator, Desk, Office};

/// The state of the routes.
#[derive(Clone, Debug)]
pub(crate) struct App(pub(crate) Arc<Desk>);

impl Deref for App {
    type Target = Arc<Desk>;

    fn deref(&self) -> &Arc<Desk> {
        &self.0
    }
}

/// The one organisation there is until people can log in.
pub(crate) const ORGANISATION: &str = "acme";

/// Who acts, until people can log in: whoever reaches the pages.
const OPERATOR: &str = "operator";

fn operator() -> Result<Actor, Failure> {
    Ok(Actor::new(Subject::new(OPERATOR)?).staff())
}

impl FromRequestParts<App> for Office {
    type Rejection = Failure;

    async fn from_request_parts(_: &mut Parts, app: &App) -> Result<Self, Failure> {
        let desk = Arc::clone(app);
        let tenant = Tenant::new(ORGANISATION)?;
        let name = ORGANISATION.to_owned();
        Ok(Self::new(desk, tenant, name, operator()?, String::new()))
    }
}

impl FromRequestParts<App> for Administrator {
    type Rejection = Failure;

    async fn from_request_parts(_: &mut Parts, app: &App) -> Result<Self, Failure> {
        Ok(Self::new(Arc::clone(app), operator()?, String::new()))
    }
}
