//! Whether an API key lives, beside the same written plainly: as for sessions, with one scope asked.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keyward_base::{ErrorKind, Subject, Tenant};
use keyward_benches::{Work, compare, is_wanted, rows, timed};
use keyward_keys::Keyring;
use keyward_session::api_key::{ApiKeys, NewKey, Scope, Scopes};
use keyward_session::danger::Operator;
use keyward_store::conformance::block_on;
use keyward_store::{Collection, MemoryStore, Record, RecordKey, Records};
use rusqlite::Connection;

use crate::bare::{Bare, Reads, number, same, text};
use crate::{Memory, Sqlite, millis, now, world};

const READ: Scope = Scope::named("servers:read");
const COLLECTIONS: [&str; 2] = ["api-key", "api-key-epoch"];

/// Front of a row: magic, version, key, key of the text.
const ID: usize = 21;
const PROOF: usize = ID + 16;
const TIMES: usize = PROOF + 32 + 1;
const MARKS: usize = TIMES + 6 * 8;
/// Three things that are not there, and what follows.
const TEXTS: usize = MARKS + 2 * 24 + 3;

fn api_keys(ring: &Keyring, store: Arc<dyn Records>) -> ApiKeys {
    let builder = ApiKeys::builder(ring.clone(), store);
    block_on(async { builder.install().await.unwrap().build().await }).unwrap()
}

fn tenant(n: usize) -> Tenant {
    Tenant::new(&format!("tenant-{:04}", n / 100)).unwrap()
}

fn issue(keys: &ApiKeys, n: usize) -> String {
    let by = Operator::of(tenant(n), Subject::new("operator").unwrap());
    let new = NewKey::new("nightly build").unwrap();
    let new = new.scopes(Scopes::new([READ]).unwrap());
    let issued = block_on(keys.issue_as_operator(&by, new)).unwrap();
    issued.key().expose().to_owned()
}

/// CRC-32 by a table, as everybody writes it.
struct Crc([u32; 256]);

impl Crc {
    fn new() -> Self {
        Self(std::array::from_fn(|n| {
            (0..8).fold(u32::try_from(n).unwrap(), |crc, _| {
                (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 }
            })
        }))
    }

    fn fits(&self, body: &[u8], sum: &[u8]) -> bool {
        let step =
            |crc: u32, byte: &u8| (crc >> 8) ^ self.0[usize::from(crc.to_le_bytes()[0] ^ byte)];
        let mut left = !body.iter().fold(u32::MAX, step);
        let digits = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        sum.iter().rev().all(|digit| {
            let right = digits[usize::try_from(left % 62).unwrap()];
            left /= 62;
            right == *digit
        })
    }
}

struct BareKeys {
    bare: Bare,
    crc: Crc,
    key_id: [u8; 8],
}

impl BareKeys {
    /// Rows and texts of the same content under the key of this.
    fn rekey(&mut self, records: &mut [Record], texts: &[String]) -> Vec<String> {
        let mut made = Vec::new();
        for record in records.iter_mut() {
            if record.key.collection.as_str() == COLLECTIONS[1] {
                let data = &mut record.content.data;
                self.bare.seal(b"keyward/v1/api-key-epoch", data);
            }
        }
        let at: HashMap<String, usize> = records
            .iter()
            .enumerate()
            .map(|(at, record)| (record.key.id.clone(), at))
            .collect();
        let mut order = HashMap::new();
        for text in texts {
            let mut bytes = URL_SAFE_NO_PAD.decode(&text[4..91]).unwrap();
            self.key_id.copy_from_slice(&bytes[1..9]);
            let proof = self.proof(&bytes[9..25], &bytes[25..57]);
            bytes[57..].copy_from_slice(&proof[..8]);
            let id = URL_SAFE_NO_PAD.encode(&bytes[9..25]);
            let data = &mut records[at[&id]].content.data;
            data[PROOF..PROOF + 32].copy_from_slice(&proof);
            self.bare.seal(b"keyward/v1/api-key-row", data);
            order.insert(id, order.len());
            made.push(with_checksum(
                &format!("kwk_{}", URL_SAFE_NO_PAD.encode(&bytes)),
                &self.crc,
            ));
        }
        // As they came to ours: a tree in memory takes its form by that.
        records.sort_by_key(|record| order.get(&record.key.id).copied());
        made
    }

    fn proof(&self, id: &[u8], secret: &[u8]) -> [u8; 32] {
        let front: [&[u8]; 6] = [
            b"\x19keyward/v1/api-key-secret\x04kwk_",
            b"\x10",
            id,
            b"\x20",
            secret,
            b"",
        ];
        self.bare.mac_of(&front)
    }

    /// Whose a key is, if it lives, has the scope and no ranges.
    fn check(&self, key: &str, reads: &impl Reads, now: u64) -> Option<String> {
        let (body, sum) = key.as_bytes().split_last_chunk::<6>()?;
        if !self.crc.fits(body, sum) {
            return None;
        }
        let mut bytes = [0; 66];
        let body = body.strip_prefix(b"kwk_")?;
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
            collection: Collection::named(COLLECTIONS[0]),
            owner: String::new(),
            id: URL_SAFE_NO_PAD.encode(id),
        })?;
        let row = self.bare.opened(b"keyward/v1/api-key-row", &data)?;
        let fits = row.starts_with(b"kwar\x01") && row[ID..PROOF] == *id;
        if !fits || !same(&row[PROOF..PROOF + 32], &proof) {
            return None;
        }
        let time = |n: usize| number(row, TIMES + n * 8);
        let (created, expires, ends) = (time(0)?, time(2)?, time(3)?);
        if now >= expires || ends != 0 || row[TEXTS - 3..TEXTS] != [0; 3] {
            return None;
        }
        let mut rest = row.get(TEXTS..)?;
        let (prefix, tenant) = (text(&mut rest)?, text(&mut rest)?);
        let (_maker, _name, scopes) = (text(&mut rest)?, text(&mut rest)?, text(&mut rest)?);
        let has = scopes.split(' ').any(|scope| scope == READ.as_str());
        if prefix != "kwk_" || !has || rest != [0, 0] {
            return None;
        }
        let place = |owner: &str, id: &str| RecordKey {
            collection: Collection::named(COLLECTIONS[1]),
            owner: owner.to_owned(),
            id: id.to_owned(),
        };
        let places = [place("", "all"), place(tenant, "tenant")];
        let whose = ["", tenant];
        for (n, (found, of)) in reads.these(&places).into_iter().zip(whose).enumerate() {
            let mark = row.get(MARKS + n * 24..)?.first_chunk::<24>()?;
            self.is_unmoved(&found?, n, of, mark, created)?;
        }
        Some(tenant.to_owned())
    }

    fn is_unmoved(
        &self,
        data: &[u8],
        scope: usize,
        of: &str,
        mark: &[u8; 24],
        created: u64,
    ) -> Option<()> {
        let epoch = self.bare.known(b"keyward/v1/api-key-epoch", data)?;
        let mut rest = epoch.strip_prefix(b"kwae\x01")?.get(8..)?;
        let number_of = rest.split_off_first()?;
        let named = (text(&mut rest)?, text(&mut rest)?);
        let (era, rest) = rest.split_first_chunk::<16>()?;
        let goes_on = usize::from(*number_of) == scope
            && named == (of, "")
            && mark[..16] == *era
            && number(mark, 16)? == number(rest, 8)?
            && created >= number(rest, 16)?;
        goes_on.then_some(())
    }
}

fn with_checksum(body: &str, crc: &Crc) -> String {
    let step = |all: u32, byte: &u8| (all >> 8) ^ crc.0[usize::from(all.to_le_bytes()[0] ^ byte)];
    let mut left = !body.as_bytes().iter().fold(u32::MAX, step);
    let digits = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut sum = [0; 6];
    for to in sum.iter_mut().rev() {
        *to = digits[usize::try_from(left % 62).unwrap()];
        left /= 62;
    }
    format!("{body}{}", std::str::from_utf8(&sum).unwrap())
}

fn ours(keys: &ApiKeys, text: &str) -> String {
    let live = now(keys.check(text, None)).unwrap();
    live.require(&READ).unwrap();
    live.tenant().as_str().to_owned()
}

/// One place for keys, ours and bare.
struct Side<'a, R> {
    name: &'a str,
    keys: &'a ApiKeys,
    texts: &'a [String],
    bare: &'a BareKeys,
    reads: &'a R,
    of_bare: &'a [String],
}

impl<R: Reads> Side<'_, R> {
    fn is_right(&self) {
        for n in (0..self.texts.len()).step_by(97) {
            let of = tenant(n).as_str().to_owned();
            assert_eq!(ours(self.keys, &self.texts[n]), of);
            let found = self.bare.check(&self.of_bare[n], self.reads, millis());
            assert_eq!(found, Some(of));
        }
        let forged = forged(&self.of_bare[0], &self.bare.crc);
        assert_eq!(self.bare.check(&forged, self.reads, millis()), None);
    }

    fn checks(&self, ring: &Keyring, how: &str, count: usize) {
        let each = |texts: &[String]| -> Vec<String> {
            let step = 97 % texts.len();
            let at = (0..count).map(|n| texts[n * step % texts.len()].clone());
            at.collect()
        };
        let (of_bare, texts) = (each(self.of_bare), each(self.texts));
        let (mut turn, mut turns) = (of_bare.iter().cycle(), texts.iter().cycle());
        let bare: Work<'_> = timed(|n| {
            (0..n).for_each(|_| {
                let text = black_box(turn.next().unwrap());
                black_box(self.bare.check(text, self.reads, millis()).unwrap());
            });
        });
        let keyward: Work<'_> = timed(|n| {
            (0..n).for_each(|_| {
                let text = black_box(turns.next().unwrap());
                let live = now(self.keys.check(text, None)).unwrap();
                black_box(live).require(&READ).unwrap();
            });
        });
        block_on(ring.refresh()).unwrap();
        let title = format!("API keys {}, {how}", self.name);
        compare(&title, &mut [("bare", bare), ("keyward", keyward)]);
    }
}

/// The same text with another secret, and the checksum that it would have.
fn forged(text: &str, crc: &Crc) -> String {
    with_checksum(&world::made_up(text)[..91], crc)
}

/// The same text with a checksum that is none.
fn mistyped(text: &str, _: &Crc) -> String {
    format!("{}-", &text[..text.len() - 1])
}

/// What is refused, beside one MAC and the same refusal written plainly.
fn made_up<R: Reads>(ring: &Keyring, side: &Side<'_, R>) {
    let (keys, bare) = (side.keys, side.bare);
    let each = |wrong: fn(&str, &Crc) -> String| {
        let of = |texts: &[String]| wrong(&texts[0], &bare.crc);
        (of(side.of_bare), of(side.texts))
    };
    let cases = [
        ("forged API key", each(forged)),
        ("mistyped API key", each(mistyped)),
    ];
    for (title, (of_bare, text)) in cases {
        let refused = now(keys.check(&text, None)).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Rejected);
        let raw: Work<'_> = timed(|n| {
            (0..n).for_each(|_| {
                black_box(bare.proof(black_box(&[1; 16]), black_box(&[2; 32])));
            });
        });
        let plain: Work<'_> = timed(|n| {
            (0..n).for_each(|_| {
                let found = bare.check(black_box(&of_bare), side.reads, millis());
                assert!(black_box(found).is_none());
            });
        });
        let keyward: Work<'_> = timed(|n| {
            (0..n).for_each(|_| {
                black_box(now(keys.check(black_box(&text), None)).unwrap_err());
            });
        });
        block_on(ring.refresh()).unwrap();
        let works = &mut [("bare", plain), ("keyward", keyward), ("one MAC", raw)];
        compare(title, works);
    }
}

pub(crate) fn check_all() {
    if !is_wanted("API key") {
        return;
    }
    let (count, ring) = (rows(20_000), world::ring());
    let store = Arc::new(MemoryStore::new(1_000_000));
    let keys = api_keys(&ring, store.clone());
    let texts: Vec<String> = (0..count)
        .map(|n| {
            if n % 1_000 == 0 {
                block_on(ring.refresh()).unwrap();
            }
            issue(&keys, n)
        })
        .collect();
    // As of keys that are in use: their hour is written down.
    for text in &texts {
        let _ours = ours(&keys, text);
    }
    block_on(ring.refresh()).unwrap();
    while block_on(keys.upkeep(1_000_000)).unwrap().used > 0 {
        texts.iter().for_each(|text| drop(ours(&keys, text)));
    }
    let mut bare = BareKeys {
        bare: Bare::new(),
        crc: Crc::new(),
        key_id: [0; 8],
    };
    let mut records = world::records_of(&*store, &COLLECTIONS);
    let of_bare = bare.rekey(&mut records, &texts);
    let bare_store = Arc::new(MemoryStore::new(1_000_000));
    // Ours were written again, and lie all over memory by that: both are put down in one go.
    let mut again = world::records_of(&*store, &COLLECTIONS);
    let at: HashMap<_, _> = records
        .iter()
        .zip(0_usize..)
        .map(|(r, at)| (r.key.clone(), at))
        .collect();
    again.sort_by_key(|record| at.get(&record.key).copied());
    let store = Arc::new(MemoryStore::new(1_000_000));
    world::insert(again, &*store);
    let keys = api_keys(&ring, store.clone());
    world::insert(records, &*bare_store);
    let in_memory = Side {
        name: "in memory",
        keys: &keys,
        texts: &texts,
        bare: &bare,
        reads: &Memory(bare_store.clone()),
        of_bare: &of_bare,
    };
    in_memory.is_right();
    in_memory.checks(&ring, "16 in turn", 16);
    in_memory.checks(&ring, "1,000 in turn", 1_000);
    made_up(&ring, &in_memory);

    let folder = tempfile::tempdir().unwrap();
    let sqlite = world::copied_of(&folder.path().join("ours"), &*store, &COLLECTIONS);
    let of_bare_too = world::copied_of(&folder.path().join("bare"), &*bare_store, &COLLECTIONS);
    let keys = api_keys(&ring, sqlite);
    let on_sqlite = Side {
        name: "on SQLite",
        keys: &keys,
        reads: &Sqlite(Connection::open(of_bare_too.path()).unwrap()),
        texts: &texts,
        bare: &bare,
        of_bare: &of_bare,
    };
    on_sqlite.is_right();
    on_sqlite.checks(&ring, "16 in turn", 16);
    on_sqlite.checks(&ring, "1,000 in turn", 1_000);
}
