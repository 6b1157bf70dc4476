//! Where approvals are made: an origin, and the RP ID that is its host.

use keyward_base::{Error, Reason, Result};
use keyward_crypto::Provider;

use super::assertion::{Assertion, Checked, Passkey};
use super::authenticator_data::AuthenticatorData;
use super::client_data::ClientData;
use crate::reason::{NOT_PRESENT, NOT_VERIFIED, ORIGIN, RP_ID, STATEMENT, UNKNOWN_PASSKEY};

/// The most bytes of a host (RFC 1035, section 2.3.4).
const MAX_HOST: usize = 253;

/// The most bytes of a label of a host.
const MAX_LABEL: usize = 63;

/// An RP ID with the one origin whose pages may use it. Neither is a log-in's.
#[derive(Clone, Debug)]
pub struct Party {
    provider: Provider,
    rp_id: Box<str>,
    origin: Box<str>,
}

impl Party {
    /// Of an RP ID and an origin, as browsers write them: the origin is `https://`, the RP ID in
    /// lower case, and `:` and a port that is not 443. For one's own machine it may be
    /// `http://localhost`, with a port that is not 80 or none, which browsers take for as safe.
    ///
    /// The RP ID is the whole host of the origin. An RP ID of more than one host, such as the domain
    /// that it lies in, would be that of the log-in too, and so would its keys.
    ///
    /// # Errors
    /// `Misuse` for anything else.
    pub fn new(provider: &Provider, rp_id: &str, origin: &str) -> Result<Self> {
        let (host, port, default) = match origin.strip_prefix("https://") {
            Some(rest) => (rest, rest.split_once(':'), "443"),
            None => match origin.strip_prefix("http://") {
                Some(rest) => (rest, rest.split_once(':'), "80"),
                None => return Err(not_an_origin()),
            },
        };
        let (host, port) = port.map_or((host, None), |(host, port)| (host, Some(port)));
        let is_port = |port: &str| {
            let number = port.parse::<u16>().unwrap_or_default();
            number > 0 && number.to_string() == port && port != default
        };
        let is_safe = default == "443" || host == "localhost";
        if !is_safe || !is_host(host) || !port.is_none_or(is_port) {
            return Err(not_an_origin());
        }
        if rp_id != host {
            return Err(Error::misuse(
                "the RP ID of approvals is the whole host of their origin, which serves no log-in: \
                 give the approval page a host of its own, such as approve.example.com",
            ));
        }
        Ok(Self {
            provider: *provider,
            rp_id: rp_id.into(),
            origin: origin.into(),
        })
    }

    /// The RP ID, for `rp.id` and `rpId` of the browser's calls.
    #[must_use]
    pub const fn rp_id(&self) -> &str {
        &self.rp_id
    }

    /// The origin.
    #[must_use]
    pub const fn origin(&self) -> &str {
        &self.origin
    }

    /// Checks that `passkey` signed `challenge` here, after its owner touched its authenticator and
    /// showed that he is its owner (WebAuthn Level 3, section 7.2). Everything is read from the bytes
    /// that are signed; nothing from what the browser says beside them.
    ///
    /// # Errors
    /// `Rejected`: [`UNKNOWN_PASSKEY`], [`STATEMENT`], [`ORIGIN`], [`RP_ID`], [`NOT_PRESENT`],
    /// [`NOT_VERIFIED`]; as [`ClientData::parse`] and [`AuthenticatorData::parse`]; and
    /// [`Reason::NOT_AUTHENTIC`] for a signature that is not the passkey's.
    pub fn check(
        &self,
        assertion: &Assertion,
        passkey: &Passkey,
        challenge: &[u8; 32],
    ) -> Result<Checked> {
        let rejected = |reason: Reason| Err(Error::rejected(reason));
        if assertion.credential() != passkey.id() {
            return rejected(UNKNOWN_PASSKEY);
        }
        let client = ClientData::parse(assertion.client_data())?;
        let said = AuthenticatorData::parse(assertion.authenticator_data())?;
        if client.challenge() != challenge {
            return rejected(STATEMENT);
        }
        if client.origin() != self.origin() {
            return rejected(ORIGIN);
        }
        if *said.rp_id_hash() != self.provider.sha256(&[self.rp_id.as_bytes()]) {
            return rejected(RP_ID);
        }
        if !said.is_present() {
            return rejected(NOT_PRESENT);
        }
        if !said.is_verified() {
            return rejected(NOT_VERIFIED);
        }
        let hash = self.provider.sha256(&[assertion.client_data()]);
        let signed = [assertion.authenticator_data(), &hash].concat();
        passkey.key().verify(&signed, assertion.signature())?;
        Ok(Checked::new(&said))
    }

    pub(crate) const fn provider(&self) -> &Provider {
        &self.provider
    }
}

/// A name of the domain name system, in lower case; no address, for which browsers have no RP ID.
fn is_host(host: &str) -> bool {
    let is_label = |label: &str| {
        let inside = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        (1..=MAX_LABEL).contains(&label.len())
            && label.bytes().all(inside)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = host.rsplit('.').next().unwrap_or_default();
    host.len() <= MAX_HOST
        && host.split('.').all(is_label)
        && !last.bytes().all(|b| b.is_ascii_digit())
}

fn not_an_origin() -> Error {
    Error::misuse(
        "the origin of approvals is https:// and a host in lower case, or http://localhost, and a \
         port if it is not the scheme's own, such as https://approve.example.com",
    )
}
