//! Sealing and opening, keyward and the peers in one run: `cargo bench` in this folder.
//!
//! Everybody takes a random nonce or salt from where it takes it by itself, returns a new buffer,
//! and is checked to open what it sealed. Only keyward binds a context, commits to its key and
//! wipes; only keyward and fernet write text.
#![allow(clippy::unwrap_used, missing_docs)] // A bench: a panic is the report.

use std::hint::black_box;

use aes_gcm::aead::Aead as _;
use aes_gcm::{Aes256Gcm, KeyInit as _};
use keyward_base::{SecretArray, Suite};
use keyward_benches::{Work, compare, timed};
use keyward_crypto::{BodyKey, Provider, danger};
use rand::TryRng as _;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

const KEY: [u8; 32] = [7; 32];
const CONTEXT: &[u8] =
    b"a context of the length that a record of the vault has, which is about so many bytes..";

fn nonce() -> [u8; 12] {
    let mut nonce = [0; 12];
    rand::rngs::SysRng.try_fill_bytes(&mut nonce).unwrap();
    nonce
}

type Seal = Box<dyn Fn(&[u8]) -> Vec<u8>>;
type Open = Box<dyn Fn(&[u8]) -> Vec<u8>>;

struct Peer {
    name: &'static str,
    seal: Seal,
    open: Open,
}

fn ring_peer() -> Peer {
    let key = || LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &KEY).unwrap());
    let (sealing, opening) = (key(), key());
    Peer {
        name: "ring, kept key, OS nonce",
        seal: Box::new(move |message| {
            let nonce = nonce();
            let mut out = Vec::with_capacity(message.len() + 28);
            out.extend_from_slice(message);
            let at = Nonce::assume_unique_for_key(nonce);
            sealing
                .seal_in_place_append_tag(at, Aad::from(CONTEXT), &mut out)
                .unwrap();
            out.extend_from_slice(&nonce);
            out
        }),
        open: Box::new(move |sealed| {
            let (body, nonce) = sealed.split_last_chunk::<12>().unwrap();
            let mut out = body.to_vec();
            let at = Nonce::assume_unique_for_key(*nonce);
            let len = opening
                .open_in_place(at, Aad::from(CONTEXT), &mut out)
                .unwrap()
                .len();
            out.truncate(len);
            out
        }),
    }
}

fn keyward_peer() -> Peer {
    let key = || BodyKey::new(&Provider::default(), Suite::Chunked1, &SecretArray::copy_of(&KEY).unwrap()).unwrap();
    let (sealing, opening) = (key(), key());
    Peer {
        name: "keyward body",
        seal: Box::new(move |message| {
            let mut out = Vec::new();
            danger::seal_under_bytes(&sealing, CONTEXT, message, &mut out).unwrap();
            out
        }),
        open: Box::new(move |sealed| {
            // The copy out of the wiped buffer is for the comparison's sake.
            danger::open_under_bytes(&opening, CONTEXT, sealed).unwrap().expose().to_vec()
        }),
    }
}

fn aes_gcm_peer() -> Peer {
    let key = || Aes256Gcm::new(&KEY.into());
    let (sealing, opening) = (key(), key());
    Peer {
        name: "aes-gcm, kept key, OS nonce",
        seal: Box::new(move |message| {
            let nonce = nonce();
            let mut out = sealing.encrypt(&nonce.into(), message).unwrap();
            out.extend_from_slice(&nonce);
            out
        }),
        open: Box::new(move |sealed| {
            let (body, nonce) = sealed.split_last_chunk::<12>().unwrap();
            opening.decrypt(&(*nonce).into(), body).unwrap()
        }),
    }
}

fn orion_peer() -> Peer {
    let key = || orion::aead::SecretKey::try_from(KEY.as_slice()).unwrap();
    let (sealing, opening) = (key(), key());
    Peer {
        name: "orion",
        seal: Box::new(move |message| orion::aead::seal(&sealing, message).unwrap()),
        open: Box::new(move |sealed| orion::aead::open(&opening, sealed).unwrap()),
    }
}

fn tink_peer() -> Peer {
    tink_aead::init();
    let handle = tink_core::keyset::Handle::new(&tink_aead::aes256_gcm_key_template()).unwrap();
    let key = || tink_aead::new(&handle).unwrap();
    let (sealing, opening) = (key(), key());
    Peer {
        name: "tink-aead",
        seal: Box::new(move |message| sealing.encrypt(message, CONTEXT).unwrap()),
        open: Box::new(move |sealed| opening.decrypt(sealed, CONTEXT).unwrap()),
    }
}

fn cocoon_peer() -> Peer {
    let sealing = std::cell::RefCell::new(cocoon::MiniCocoon::from_key(&KEY, &[9; 32]));
    let opening = cocoon::MiniCocoon::from_key(&KEY, &[8; 32]);
    Peer {
        name: "cocoon (no key derivation)",
        seal: Box::new(move |message| sealing.borrow_mut().wrap(message).unwrap()),
        open: Box::new(move |sealed| opening.unwrap(sealed).unwrap()),
    }
}

fn fernet_peer() -> Peer {
    let text = fernet::Fernet::generate_key();
    let key = || fernet::Fernet::new(&text).unwrap();
    let (sealing, opening) = (key(), key());
    Peer {
        name: "fernet",
        seal: Box::new(move |message| sealing.encrypt(message).into_bytes()),
        open: Box::new(move |sealed| {
            opening
                .decrypt(std::str::from_utf8(sealed).unwrap())
                .unwrap()
        }),
    }
}

fn main() {
    let peers = [
        ring_peer(),
        keyward_peer(),
        aes_gcm_peer(),
        tink_peer(),
        orion_peer(),
        cocoon_peer(),
        fernet_peer(),
    ];
    for len in [64, 1024, 64 * 1024, 1024 * 1024] {
        let message: Vec<u8> = (0..len).map(|at| u8::try_from(at % 251).unwrap()).collect();
        let sealed: Vec<Vec<u8>> = peers.iter().map(|peer| (peer.seal)(&message)).collect();
        for (peer, sealed) in peers.iter().zip(&sealed) {
            assert_eq!((peer.open)(sealed), message, "{}", peer.name);
        }
        let mut works: Vec<(&str, Work<'_>)> = peers
            .iter()
            .map(|peer| {
                let message = &message;
                let work: Work<'_> = timed(move |n| {
                    (0..n).for_each(|_| drop(black_box((peer.seal)(message))));
                });
                (peer.name, work)
            })
            .collect();
        compare(&format!("seal {len} bytes"), &mut works);
        let mut works: Vec<(&str, Work<'_>)> = peers
            .iter()
            .zip(&sealed)
            .map(|(peer, sealed)| {
                let work: Work<'_> = timed(move |n| {
                    (0..n).for_each(|_| drop(black_box((peer.open)(sealed))));
                });
                (peer.name, work)
            })
            .collect();
        compare(&format!("open {len} bytes"), &mut works);
    }
}
