//! A session check written plainly: one key that is at hand, and for each session what
//! `docs/formats/session.md` says, read from its place. Nothing is wiped, and one kind is known.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use keyward_store::{Collection, Record, RecordKey};
use sha2::Sha256;

/// Front of a row: magic, version, key, key of the token.
const ID: usize = 21;
const PROOF: usize = ID + 16;
const KIND: usize = PROOF + 32;
const TIMES: usize = KIND + 2;
const MARKS: usize = TIMES + 6 * 8;
const TEXTS: usize = MARKS + 3 * 24;

pub(crate) struct Bare {
    key: Hmac<Sha256>,
    key_id: [u8; 8],
    /// Epochs that were verified, by all their bytes.
    verified: RefCell<HashSet<Box<[u8]>>>,
}

/// Who is logged in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Who {
    pub(crate) tenant: String,
    pub(crate) subject: String,
}

/// What reads: a row, and then several at one moment.
pub(crate) trait Reads {
    fn one(&self, key: &RecordKey) -> Option<Vec<u8>>;
    fn these<const N: usize>(&self, keys: &[RecordKey; N]) -> [Option<Vec<u8>>; N];
}

impl Bare {
    pub(crate) fn new() -> Self {
        let key = Hmac::new_from_slice(&[7; 32]).unwrap();
        Self {
            key,
            key_id: [0; 8],
            verified: RefCell::default(),
        }
    }

    /// Rows and tokens of the same content under the key of this.
    pub(crate) fn rekey(&mut self, records: &mut [Record], tokens: &[String]) -> Vec<String> {
        let mut places: HashMap<String, usize> = HashMap::new();
        for (at, record) in records.iter_mut().enumerate() {
            places.insert(record.key.id.clone(), at);
            if record.key.collection == Collection::named("session-epoch") {
                self.seal(b"keyward/v1/session-epoch", &mut record.content.data);
            }
        }
        let (mut made, mut order) = (Vec::new(), HashMap::new());
        for token in tokens {
            let mut bytes = URL_SAFE_NO_PAD.decode(&token[4..]).unwrap();
            self.key_id.copy_from_slice(&bytes[1..9]);
            let proof = self.proof(&bytes[9..25], &bytes[25..57]);
            bytes[57..].copy_from_slice(&proof[..8]);
            order.insert(URL_SAFE_NO_PAD.encode(&bytes[9..25]), order.len());
            made.push(format!("kws_{}", URL_SAFE_NO_PAD.encode(&bytes)));
            let row = &mut records[places[&URL_SAFE_NO_PAD.encode(&bytes[9..25])]];
            row.content.data[PROOF..KIND].copy_from_slice(&proof);
            self.seal(b"keyward/v1/session-row", &mut row.content.data);
        }
        // As they came to ours: a tree in memory takes its form by that.
        records.sort_by_key(|record| order.get(&record.key.id).copied());
        made
    }

    pub(crate) fn seal(&self, domain: &[u8], data: &mut Vec<u8>) {
        data.truncate(data.len() - 32);
        let tag = self.mac(domain, data).finalize().into_bytes();
        data.extend_from_slice(&tag);
    }

    fn mac(&self, domain: &[u8], bytes: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.key.clone();
        mac.update(&[u8::try_from(domain.len()).unwrap()]);
        mac.update(domain);
        put_len(&mut mac, bytes.len());
        mac.update(bytes);
        mac
    }

    pub(crate) fn proof(&self, id: &[u8], secret: &[u8]) -> [u8; 32] {
        let mut mac = self.key.clone();
        mac.update(b"\x1akeyward/v1/session-secret\x10");
        mac.update(id);
        mac.update(&[32]);
        mac.update(secret);
        mac.finalize().into_bytes().into()
    }

    pub(crate) fn opened<'d>(&self, domain: &[u8], data: &'d [u8]) -> Option<&'d [u8]> {
        let (bytes, tag) = data.split_last_chunk::<32>()?;
        self.mac(domain, bytes).verify_slice(tag).ok()?;
        Some(bytes)
    }

    pub(crate) fn check(&self, token: &str, reads: &impl Reads, now: u64) -> Option<Who> {
        let mut bytes = [0; 66];
        let body = token.strip_prefix("kws_")?;
        let len = URL_SAFE_NO_PAD.decode_slice(body, &mut bytes).ok()?;
        if len != 65 || bytes[0] != 1 || bytes[1..9] != self.key_id {
            return None;
        }
        let (id, secret, front) = (&bytes[9..25], &bytes[25..57], &bytes[57..65]);
        let proof = self.proof(id, secret);
        if !same(&proof[..8], front) {
            return None;
        }
        let data = reads.one(&RecordKey {
            collection: Collection::named("session"),
            owner: String::new(),
            id: URL_SAFE_NO_PAD.encode(id),
        })?;
        let row = self.opened(b"keyward/v1/session-row", &data)?;
        let fits = row.starts_with(b"kwsr\x01") && row[ID..PROOF] == *id;
        if !fits || !same(&row[PROOF..KIND], &proof) || row[KIND] != 1 {
            return None;
        }
        let time = |n: usize| number(row, TIMES + n * 8);
        if now >= time(4)? || now >= time(5)? {
            return None;
        }
        let mut rest = row.get(TEXTS..)?;
        let (tenant, subject, door) = (text(&mut rest)?, text(&mut rest)?, text(&mut rest)?);
        let (_client, _name) = (text(&mut rest)?, text(&mut rest)?);
        if door != "users" {
            return None;
        }
        let place = |owner: &str, id: String| RecordKey {
            collection: Collection::named("session-epoch"),
            owner: owner.to_owned(),
            id,
        };
        let places = [
            place("", "all".to_owned()),
            place(tenant, "tenant".to_owned()),
            place(tenant, format!("user/{subject}")),
        ];
        let began = time(0)?.min(time(1)?);
        let whose = [("", ""), (tenant, ""), (tenant, subject)];
        for (n, (found, of)) in reads.these(&places).into_iter().zip(whose).enumerate() {
            let mark = row.get(MARKS + n * 24..)?.first_chunk::<24>()?;
            self.is_unmoved(&found?, n, of, mark, began)?;
        }
        Some(Who {
            tenant: tenant.to_owned(),
            subject: subject.to_owned(),
        })
    }

    /// The MAC of pieces that are encoded already.
    pub(crate) fn mac_of(&self, pieces: &[&[u8]]) -> [u8; 32] {
        let mut mac = self.key.clone();
        pieces.iter().for_each(|piece| mac.update(piece));
        mac.finalize().into_bytes().into()
    }

    /// An epoch in front of its MAC, which is verified unless these very bytes were.
    pub(crate) fn known<'d>(&self, domain: &[u8], data: &'d [u8]) -> Option<&'d [u8]> {
        if !self.verified.borrow().contains(data) {
            self.opened(domain, data)?;
            self.verified.borrow_mut().insert(data.into());
        }
        data.get(..data.len() - 32)
    }

    /// Whether an epoch is where a session left it.
    fn is_unmoved(
        &self,
        data: &[u8],
        scope: usize,
        of: (&str, &str),
        mark: &[u8; 24],
        began: u64,
    ) -> Option<()> {
        let epoch = self.known(b"keyward/v1/session-epoch", data)?;
        let mut rest = epoch.strip_prefix(b"kwse\x01")?.get(8..)?;
        let number_of = rest.split_off_first()?;
        let named = (text(&mut rest)?, text(&mut rest)?);
        let (era, rest) = rest.split_first_chunk::<16>()?;
        let goes_on = usize::from(*number_of) == scope
            && named == of
            && mark[..16] == *era
            && number(mark, 16)? == number(rest, 8)?
            && began >= number(rest, 8 + 4 * 8)?;
        goes_on.then_some(())
    }
}

fn put_len(mac: &mut Hmac<Sha256>, len: usize) {
    match u8::try_from(len) {
        Ok(len) if len < 255 => mac.update(&[len]),
        _ => {
            mac.update(&[255]);
            mac.update(&u64::try_from(len).unwrap().to_be_bytes());
        }
    }
}

pub(crate) fn number(from: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_be_bytes(*from.get(at..)?.first_chunk()?))
}

pub(crate) fn text<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let (len, after) = rest.split_first_chunk::<2>()?;
    let (text, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*len)))?;
    *rest = after;
    std::str::from_utf8(text).ok()
}

/// In constant time.
pub(crate) fn same(a: &[u8], b: &[u8]) -> bool {
    a.iter().zip(b).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}
