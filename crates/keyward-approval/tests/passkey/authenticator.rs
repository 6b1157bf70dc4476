//! An authenticator and a browser in software, which say what they are told to, true or not.

use keyward_approval::passkey::{Assertion, Party, Passkey};
use keyward_base::encoding::base64url;
use keyward_crypto::Provider;
use ring::rand::SystemRandom;
use ring::rsa::KeyPair as RsaKeyPair;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256,
};
use serde_json::{Value, json};

pub(crate) const RP_ID: &str = "approve.example.com";
pub(crate) const ORIGIN: &str = "https://approve.example.com";

/// User present and verified.
pub(crate) const FLAGS: u8 = 0x05;

pub(crate) fn party() -> Party {
    Party::new(&Provider::default(), RP_ID, ORIGIN).unwrap()
}

enum Private {
    Es256(Box<EcdsaKeyPair>),
    Rs256(Box<RsaKeyPair>),
}

/// One key, held in memory.
pub(crate) struct Authenticator {
    private: Private,
    pub(crate) passkey: Passkey,
}

/// What is said in an assertion, all of it free to choose.
pub(crate) struct Said {
    pub(crate) client: Value,
    pub(crate) rp_id: String,
    pub(crate) flags: u8,
    pub(crate) counter: u32,
}

impl Said {
    /// As an honest browser and authenticator would of this challenge.
    pub(crate) fn honestly(challenge: &[u8; 32]) -> Self {
        Self {
            client: json!({
                "type": "webauthn.get", "challenge": base64url(challenge),
                "origin": ORIGIN, "crossOrigin": false,
            }),
            rp_id: RP_ID.to_owned(),
            flags: FLAGS,
            counter: 0,
        }
    }

    pub(crate) fn data(&self) -> Vec<u8> {
        let hash = Provider::default().sha256(&[self.rp_id.as_bytes()]);
        [&hash[..], &[self.flags], &self.counter.to_be_bytes()].concat()
    }
}

impl Authenticator {
    pub(crate) fn new(name: &str) -> Self {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_ASN1_SIGNING;
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).unwrap();
        let head = "3059301306072a8648ce3d020106082a8648ce3d030107034200";
        let head = keyward_base::encoding::from_hex::<26>(head).unwrap();
        let spki = [&head[..], pair.public_key().as_ref()].concat();
        Self {
            private: Private::Es256(Box::new(pair)),
            passkey: Passkey::new(&id(name), &spki).unwrap(),
        }
    }

    /// With the RSA key of 2,048 bits that lies beside the tests.
    pub(crate) fn rs256(name: &str) -> Self {
        let pair = RsaKeyPair::from_pkcs8(include_bytes!("../vectors/rsa2048.pk8")).unwrap();
        let spki = include_bytes!("../vectors/rsa2048.spki");
        Self {
            private: Private::Rs256(Box::new(pair)),
            passkey: Passkey::new(&id(name), spki).unwrap(),
        }
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.private {
            Private::Es256(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Private::Rs256(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                let signed = pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature);
                signed.unwrap();
                signature
            }
        }
    }

    /// The assertion of what is said, with a genuine signature over it.
    pub(crate) fn asserts(&self, said: &Said) -> Assertion {
        self.asserts_bytes(said.client.to_string().as_bytes(), &said.data())
            .unwrap()
    }

    pub(crate) fn asserts_bytes(
        &self,
        client: &[u8],
        data: &[u8],
    ) -> keyward_base::Result<Assertion> {
        let hash = Provider::default().sha256(&[client]);
        let signature = self.sign(&[data, &hash].concat());
        Assertion::new(self.passkey.id(), client, data, &signature)
    }

    /// What its owner's vote is.
    pub(crate) fn votes(&self, challenge: &[u8; 32]) -> Assertion {
        self.asserts(&Said::honestly(challenge))
    }
}

fn id(name: &str) -> [u8; 32] {
    Provider::default().sha256(&[b"credential", name.as_bytes()])
}
