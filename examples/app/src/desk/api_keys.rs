//! API keys: what machines of an organisation show, with scopes, made by its owners.

use std::sync::Arc;

use keyward_axum::api_key::KeyScope;
use keyward_axum::approval::Asks;
use keyward_base::{Result, Trail};
use keyward_embedded::Home;
use keyward_session::api_key::{
    ApiKeyId, ApiKeys, IssuedKey, KeyInfo, KeyPage, LiveKey, Narrow, NewKey, Rotation, Scope,
    Scopes,
};
use keyward_session::{Fresh, LiveSession, User};

use super::{Desk, Office, Room};
use crate::people::Role;

/// What each key begins with.
pub(crate) const PREFIX: &str = "desk_";

/// To list servers with their fingerprints.
pub(crate) const SERVERS: Scope = Scope::named("servers:read");
/// To list sets of variables by their names.
pub(crate) const VARIABLES: Scope = Scope::named("variables:read");
/// To list deployments and read their masked logs.
pub(crate) const DEPLOYMENTS: Scope = Scope::named("deployments:read");
/// To start deployments.
pub(crate) const DEPLOY: Scope = Scope::named("deployments:write");

/// To ask for what people approve, and read what became of it.
pub(crate) const ASK: Scope = <Asks as KeyScope>::SCOPE;

/// All scopes there are, and what each is for.
pub(crate) static SCOPES: [(Scope, &str); 5] = [
    (SERVERS, "list the servers, with their fingerprints"),
    (
        VARIABLES,
        "list the sets of variables, by their names alone",
    ),
    (
        DEPLOYMENTS,
        "list the deployments, and read their masked logs",
    ),
    (DEPLOY, "start deployments"),
    (
        ASK,
        "ask for what people approve, such as a deployment to production, and read what became of it",
    ),
];

/// The API keys of a home.
pub(super) async fn open(home: &Home, trail: &Trail) -> Result<ApiKeys> {
    let keys = ApiKeys::builder(home.keyring().clone(), home.data().clone())
        .prefix(PREFIX)
        .trail(trail.clone());
    keys.install().await?.build().await
}

impl Role {
    /// What a key that he makes may do at most.
    fn scopes(self) -> Result<Scopes> {
        match self {
            Self::Owner => Scopes::new(SCOPES.iter().map(|(scope, _)| scope.clone())),
            Self::Member | Self::Administrator => Ok(Scopes::none()),
        }
    }
}

impl Desk {
    pub(crate) const fn api_keys(&self) -> &ApiKeys {
        &self.api_keys
    }
}

/// Whose session showed who he is a moment ago.
type Shown = Fresh<LiveSession<User>, 15>;

impl Office {
    fn own_keys(&self) -> ApiKeys {
        self.desk.api_keys.acting_as(self.who.clone())
    }

    /// Some of the organisation's keys.
    pub(crate) async fn api_keys(&self, after: Option<ApiKeyId>) -> Result<KeyPage> {
        self.desk.api_keys.list(&self.tenant, after).await
    }

    /// One of them.
    pub(crate) async fn api_key(&self, id: ApiKeyId) -> Result<KeyInfo> {
        self.desk.api_keys.info(&self.tenant, id).await
    }

    /// Makes one, with no scope beyond what its maker may.
    pub(crate) async fn new_api_key(&self, by: &Shown, new: NewKey) -> Result<IssuedKey> {
        let most = self.person().role.scopes()?;
        self.desk.api_keys.issue(by, &most, new).await
    }

    /// Makes the one that follows.
    pub(crate) async fn rotate_api_key(
        &self,
        by: &Shown,
        id: ApiKeyId,
        rotation: Rotation,
    ) -> Result<IssuedKey> {
        let most = self.person().role.scopes()?;
        self.desk.api_keys.rotate(by, &most, id, rotation).await
    }

    /// Takes something of what one may.
    pub(crate) async fn narrow_api_key(&self, id: ApiKeyId, to: &Narrow) -> Result<KeyInfo> {
        self.own_keys().narrow(&self.tenant, id, to).await
    }

    /// Ends one, at once and in every process.
    pub(crate) async fn revoke_api_key(&self, id: ApiKeyId) -> Result<()> {
        self.own_keys().revoke(&self.tenant, id).await
    }
}

impl Room {
    /// That of a key's organisation, in the key's name.
    pub(crate) fn of_key(desk: Arc<Desk>, key: &LiveKey) -> Result<Self> {
        Ok(Self {
            desk,
            tenant: key.tenant().clone(),
            who: key.actor()?,
        })
    }
}
