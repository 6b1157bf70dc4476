//! For whom a request is counted.

use keyward_base::{AddressPrefix, Error, Result, Tenant};

/// Bytes of what an application says.
const MOST: usize = 256;

/// For whom a request is counted: what the application knows of who sent it. Two of different kinds are
/// never the same.
///
/// It is known to nobody but this process: in the table it stands under a keyed name
/// ([`Names`](crate::limit::Names)).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[must_use]
pub struct Whom {
    own: Vec<u8>,
    /// With whom it is counted where there is no room.
    network: Option<Vec<u8>>,
}

impl Whom {
    /// Whoever is at an address: all of an IPv4 address, and the /64 of an IPv6 one. Where the table
    /// has no room, the neighbours are counted as one, a /16 of IPv4 or a /32 of IPv6: who has many
    /// addresses in one network takes no room from all others.
    pub fn address(prefix: AddressPrefix) -> Self {
        Self {
            own: of("address", &prefix.to_bytes()),
            network: Some(of("network", &prefix.coarser(16, 32).to_bytes())),
        }
    }

    /// Everybody together.
    pub fn everybody() -> Self {
        Self::own(of("everybody", &[]))
    }

    /// A key of a program, by its public id.
    pub fn key(id: &[u8; 16]) -> Self {
        Self::own(of("key", id))
    }

    /// A tenant.
    pub fn tenant(tenant: &Tenant) -> Self {
        Self::own(of("tenant", tenant.as_str().as_bytes()))
    }

    /// A user of a tenant, by whatever the application knows him.
    ///
    /// # Errors
    /// `Misuse` for an id of more than 256 bytes, or none.
    pub fn user(tenant: &Tenant, id: &str) -> Result<Self> {
        let id = checked(id.as_bytes())?;
        let tenant = tenant.as_str().as_bytes();
        // The length keeps the two apart.
        let mut both = u64::try_from(tenant.len())
            .unwrap_or(u64::MAX)
            .to_be_bytes()
            .to_vec();
        both.extend_from_slice(tenant);
        both.extend_from_slice(id);
        Ok(Self::own(of("user", &both)))
    }

    /// What only the application knows, such as a document. It is no secret: a short one can be tried.
    ///
    /// # Errors
    /// `Misuse` for more than 256 bytes, or none.
    pub fn of_app(word: &[u8]) -> Result<Self> {
        Ok(Self::own(of("app", checked(word)?)))
    }

    const fn own(own: Vec<u8>) -> Self {
        Self { own, network: None }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.own
    }

    pub(super) fn network(&self) -> Option<&[u8]> {
        self.network.as_deref()
    }
}

fn checked(word: &[u8]) -> Result<&[u8]> {
    if (1..=MOST).contains(&word.len()) {
        return Ok(word);
    }
    Err(Error::misuse(
        "whom it is counted for is told in 1 to 256 bytes",
    ))
}

/// No kind has a NUL in it, so that no two are the same.
fn of(kind: &str, value: &[u8]) -> Vec<u8> {
    let mut bytes = kind.as_bytes().to_vec();
    bytes.push(0);
    bytes.extend_from_slice(value);
    bytes
}
