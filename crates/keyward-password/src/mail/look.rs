//! What a link's page shows.

use keyward_base::{Result, Tenant, Timestamp};

use super::Mail;
use super::policy::LinkKind;
use crate::identifier::Identifier;

/// What a link is, for its page.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Looked {
    /// What it is for.
    pub kind: LinkKind,
    /// The address that it was mailed to: the page names it before anybody signs in, so that nobody
    /// works in somebody else's account unawares.
    pub address: Identifier,
    /// Whose data it leads to, or who invites; none where an organisation is yet to be made.
    pub organisation: Option<Tenant>,
    /// From when on it is of no use.
    pub expires: Timestamp,
}

impl Mail {
    /// What the page of a link shows. It uses nothing up and writes nothing, so that scanners of mail
    /// may look as often as they like.
    ///
    /// # Errors
    /// `Rejected` for what is no link of this realm, was used, has expired or is void; `Unavailable` if
    /// a store cannot be reached; `Corrupt` if its row was altered.
    pub async fn look(&self, token: &str) -> Result<Looked> {
        let kinds = [
            LinkKind::Invite,
            LinkKind::NewEmail,
            LinkKind::Reset,
            LinkKind::SignIn,
            LinkKind::SignUp,
        ];
        let opened = self.open(&kinds, token).await?;
        let body = &opened.body;
        // One that joins is of nobody yet; a new address is looked up by the one that it replaces.
        if let Some(of) = body.replaces.as_ref().or(body.address.as_ref())
            && body.subject.is_some()
        {
            let found = self.accounts().find(of).await?;
            opened.check_unchanged(found.as_ref())?;
        }
        let address = body.address.clone();
        let address = address.ok_or_else(super::format::wrong)?;
        Ok(Looked {
            kind: opened.kind(),
            address,
            organisation: body.organisation.clone(),
            expires: opened.expires,
        })
    }
}
