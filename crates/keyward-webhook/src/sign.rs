//! Requests for one's own tests, signed as the provider would.

use http::{HeaderMap, HeaderName, HeaderValue};
use keyward_base::{Error, Result, SecretBytes, Timestamp};
use keyward_crypto::Provider;
use keyward_crypto::hmac::{HmacKey, HmacTag};

use crate::coverage::Coverage;
use crate::header;
use crate::scheme::{Encoding, HmacProof, List, Piece, Proof, Scheme, Text};

impl<C: Coverage> Scheme<C> {
    /// The headers with which the provider would send `body` at `now`, under a secret as it shows
    /// it: for tests of an application's own. Of several sets of header names the first is taken.
    ///
    /// `id` becomes the id of the delivery, where a header holds one.
    ///
    /// # Errors
    /// `Misuse` for a scheme or secret that [`Webhook`](crate::Webhook) would refuse, a short one
    /// apart; for an id that it would refuse, that is missing where it is signed, or that
    /// no part of the request holds. `Unavailable`
    /// if the crypto provider cannot take the key.
    pub fn sign(
        &self,
        crypto: &Provider,
        secret: &SecretBytes,
        id: Option<&str>,
        now: Timestamp,
        body: &[u8],
    ) -> Result<HeaderMap> {
        self.check()?;
        let (key, _) = self.key.read(secret)?;
        let names = self.headers.first().ok_or_else(unfit)?;
        let mut headers = HeaderMap::new();
        let mut put = |shown: &Text, value: &[u8]| {
            let name = HeaderName::from_bytes(shown.as_bytes()).map_err(|_| unfit())?;
            let mut value = HeaderValue::from_bytes(value).map_err(|_| unfit())?;
            // Neither a token nor a signature is to be shown.
            value.set_sensitive(*shown == names.signature);
            headers.insert(name, value);
            Ok::<_, Error>(())
        };
        if id.is_some() && names.id.is_none() && !self.signs_id() {
            return Err(Error::misuse(format!(
                "a delivery of {} carries no id: leave it out",
                self.name
            )));
        }
        let shaped = match id {
            Some(id) if self.signs_id() => header::signed_id(id.as_bytes()).is_ok(),
            Some(id) => header::unsigned_id(id.as_bytes()).is_ok(),
            None => !self.signs_id(),
        };
        if !shaped {
            return Err(Error::misuse(
                "the id of the delivery is missing, or is none that the scheme has: give 1 to 255 \
                 bytes of visible ASCII, without a dot if it is signed",
            ));
        }
        if let (Some(name), Some(id)) = (&names.id, id) {
            put(name, id.as_bytes())?;
        }
        match &self.proof {
            Proof::Token => put(&names.signature, key.expose())?,
            Proof::Hmac(proof) => {
                let time = proof
                    .time
                    .map(|time| time.unit.count(now).to_string())
                    .unwrap_or_default();
                let mac = HmacKey::new(crypto, proof.hash, &key)?;
                let tag = mac.sign(&proof.parts(&time, id.unwrap_or_default(), body));
                if let Some(name) = &names.time {
                    put(name, time.as_bytes())?;
                }
                put(&names.signature, proof.write(&tag, &time).as_bytes())?;
            }
        }
        Ok(headers)
    }
}

impl HmacProof {
    fn parts<'a>(&'a self, time: &'a str, id: &'a str, body: &'a [u8]) -> Vec<&'a [u8]> {
        let bytes = |piece: &'a Piece| match piece {
            Piece::Body => body,
            Piece::Id => id.as_bytes(),
            Piece::Text(text) => text.as_bytes(),
            Piece::Time => time.as_bytes(),
        };
        self.message.iter().map(bytes).collect()
    }

    fn write(&self, tag: &HmacTag, time: &str) -> String {
        let tag = match self.encoding {
            Encoding::Hex => tag.to_hex(),
            Encoding::Base64 => tag.to_base64(),
        };
        match &self.list {
            List::One { prefix } => format!("{prefix}{tag}"),
            List::Pairs {
                time: Some(name),
                tag: version,
            } => format!("{name}={time},{version}={tag}"),
            List::Pairs {
                time: None,
                tag: version,
            } => format!("{version}={tag}"),
            List::Versions { version } => format!("{version},{tag}"),
        }
    }
}

fn unfit() -> Error {
    Error::misuse(
        "the webhook scheme or secret holds what no header can: compare it with the page of the provider",
    )
}
