//! The limits of ring, tenant and replica records: the most that is read, and one more.

use keyward_base::{Error, ErrorKind};
use keyward_keys::anchor::{MAX_LEN, Pins};
use keyward_keys::format::{
    inspect_barrier, inspect_cursor, inspect_replica, inspect_ring, inspect_tenant,
};

const MAC: [u8; 32] = [0xaa; 32];

/// A key as it is wrapped: a version of the root, and so many bytes.
type Wrapped = (u32, usize);

fn write_wrapped((version, len): Wrapped, out: &mut Vec<u8>) {
    out.extend(version.to_be_bytes());
    out.extend(u16::try_from(len).unwrap().to_be_bytes());
    out.resize(out.len() + len, 0x77);
}

fn write_short(text: &str, out: &mut Vec<u8>) {
    out.push(u8::try_from(text.len()).unwrap());
    out.extend(text.as_bytes());
}

#[derive(Clone)]
struct Key {
    id: u64,
    created_epoch: u64,
    algorithm: u8,
    suite: u8,
    state: u8,
    flags: u8,
    purpose: &'static str,
    changed: u64,
    promoted_epoch: u64,
    wrapped: Wrapped,
}

impl Key {
    fn active(id: u64) -> Self {
        Self {
            id,
            created_epoch: 1,
            algorithm: 1,
            suite: 2,
            state: 2,
            flags: 0,
            purpose: "vault",
            changed: 1,
            promoted_epoch: 1,
            wrapped: (1, 104),
        }
    }

    fn destroyed(id: u64) -> Self {
        Self {
            state: 5,
            wrapped: (0, 0),
            ..Self::active(id)
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.id.to_be_bytes());
        out.extend(self.created_epoch.to_be_bytes());
        out.extend([self.algorithm, self.suite, self.state, self.flags]);
        write_short(self.purpose, out);
        out.extend(self.changed.to_be_bytes());
        out.extend(self.promoted_epoch.to_be_bytes());
        out.extend([0; 5 * 8]); // Times: made, promoted, retired, disabled, destroyed.
        write_wrapped(self.wrapped, out);
    }
}

/// A ring of one key, in epoch 9, as it lies in the store.
struct Ring {
    version: u8,
    epoch: u64,
    oldest_living_epoch: u64,
    mac: (u64, Wrapped),
    previous_mac: (u64, Wrapped),
    filter: Wrapped,
    pages: u16,
    purposes: Vec<(String, [u8; 4], u64)>,
    keys: Vec<Key>,
}

impl Ring {
    fn whole() -> Self {
        Self {
            version: 3,
            epoch: 9,
            oldest_living_epoch: 1,
            mac: (2, (1, 104)),
            previous_mac: (1, (1, 104)),
            filter: (1, 104),
            pages: 0,
            purposes: vec![("vault".to_owned(), [1, 0, 2, 1], 0)],
            keys: vec![Key::active(1)],
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut out = b"kwrg".to_vec();
        out.push(self.version);
        out.extend([7; 16]);
        out.extend(self.epoch.to_be_bytes());
        out.extend(self.oldest_living_epoch.to_be_bytes());
        for (epoch, wrapped) in [self.mac, self.previous_mac] {
            out.extend(epoch.to_be_bytes());
            write_wrapped(wrapped, &mut out);
        }
        write_wrapped(self.filter, &mut out);
        out.extend(self.pages.to_be_bytes());
        out.extend([0; 32]);
        let count = |len| u16::try_from(len).unwrap().to_be_bytes();
        out.extend(count(self.purposes.len()));
        for (name, rules, life) in &self.purposes {
            write_short(name, &mut out);
            out.extend(rules);
            out.extend(life.to_be_bytes());
        }
        out.extend(count(self.keys.len()));
        for key in &self.keys {
            key.write(&mut out);
        }
        out.extend(MAC);
        out
    }
}

type Change = fn(&mut Ring);

fn is_corrupt<T: std::fmt::Debug>(what: &str, read: Result<T, Error>) {
    let e = read.expect_err(what);
    assert_eq!(e.kind(), ErrorKind::Corrupt, "{what}: {e}");
}

#[test]
fn a_ring_is_read_up_to_its_limits_and_not_beyond() {
    let read = |change: Change| {
        let mut ring = Ring::whole();
        change(&mut ring);
        inspect_ring(&ring.bytes())
    };
    let good: &[(&str, Change, usize)] = &[
        ("as it is", |_| {}, 1),
        ("without keys", |r| r.keys.clear(), 0),
        ("the most keys", |r| r.keys = tombstones(1024), 1024),
        ("the most purposes", |r| r.purposes = purposes(256), 1),
        ("the most pages", |r| r.pages = 256, 1),
        ("the longest key", |r| r.filter = (1, 4096), 1),
        ("the shortest key", |r| r.filter = (1, 1), 1),
        ("no MAC key before", |r| r.previous_mac = (0, (0, 0)), 1),
        ("all flags", |r| r.keys[0].flags = 3, 1),
        ("a MAC key of now", |r| r.mac.0 = 9, 1),
        ("all of now", |r| r.keys[0] = key_of(9, 9, 9), 1),
        ("as old as the oldest", |r| r.oldest_living_epoch = 1, 1),
        (
            "an old tombstone",
            |r| {
                r.keys[0] = Key::destroyed(1);
                r.oldest_living_epoch = 2;
            },
            1,
        ),
        ("active and pending", |r| r.keys = pair(2, 1, "vault"), 2),
        ("two retired", |r| r.keys = pair(3, 3, "vault"), 2),
        (
            "active of two purposes",
            |r| {
                r.purposes = purposes(2);
                r.keys = pair(2, 2, "p1");
            },
            2,
        ),
    ];
    for (what, change, keys) in good {
        assert_eq!(read(*change).expect(what), *keys, "{what}");
    }
    let bad: &[(&str, Change)] = &[
        ("too many keys", |r| r.keys = tombstones(1025)),
        ("too many purposes", |r| r.purposes = purposes(257)),
        ("too many pages", |r| r.pages = 257),
        ("too long a key", |r| r.filter = (1, 4097)),
        ("a key of no bytes", |r| r.filter = (1, 0)),
        ("a key of no root", |r| r.filter = (0, 104)),
        ("no filter", |r| r.filter = (0, 0)),
        ("no MAC key", |r| r.mac = (0, (0, 0))),
        ("a MAC key of no epoch", |r| r.mac.0 = 0),
        ("an epoch of no MAC key", |r| r.previous_mac.1 = (0, 0)),
        ("an unknown flag", |r| r.keys[0].flags = 4),
        ("an unknown state", |r| r.keys[0].state = 6),
        ("no state", |r| r.keys[0].state = 0),
        ("no algorithm", |r| r.keys[0].algorithm = 0),
        ("no suite", |r| r.keys[0].suite = 0),
        ("a MAC key's algorithm", |r| {
            r.keys[0].algorithm = 2;
            r.keys[0].suite = 0;
        }),
        ("a purpose that is not there", |r| r.keys[0].purpose = "p7"),
        ("a purpose twice", |r| {
            r.purposes.push(r.purposes[0].clone())
        }),
        ("epoch 0", |r| {
            r.epoch = 0;
            r.keys.clear();
            r.mac.0 = 0;
        }),
        ("a newer MAC key", |r| r.mac.0 = 10),
        ("MAC keys of one epoch", |r| r.previous_mac.0 = 2),
        ("a key twice", |r| {
            r.keys = pair(3, 3, "vault");
            r.keys[1].id = 1;
        }),
        ("two active", |r| r.keys = pair(2, 2, "vault")),
        ("two pending", |r| r.keys = pair(1, 1, "vault")),
        ("made later than now", |r| r.keys[0] = key_of(10, 9, 9)),
        ("changed later than now", |r| r.keys[0] = key_of(9, 10, 9)),
        ("promoted later than now", |r| r.keys[0] = key_of(9, 9, 10)),
        ("older than the oldest", |r| r.oldest_living_epoch = 2),
        ("without material", |r| r.keys[0].wrapped = (0, 0)),
        ("destroyed with material", |r| r.keys[0].state = 5),
    ];
    for (what, change) in bad {
        is_corrupt(what, read(*change));
    }
    let mut ring = Ring::whole();
    for (version, said) in [
        (1, "before its first release"),
        (2, "first"),
        (4, "upgrade"),
    ] {
        ring.version = version;
        let e = inspect_ring(&ring.bytes()).unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Unavailable);
        assert!(e.to_string().contains(said), "{version}: {e}");
    }
    ring.version = 0;
    is_corrupt("version 0", inspect_ring(&ring.bytes()));
}

fn key_of(created_epoch: u64, changed: u64, promoted_epoch: u64) -> Key {
    Key {
        created_epoch,
        changed,
        promoted_epoch,
        ..Key::active(1)
    }
}

fn pair(first: u8, second: u8, purpose: &'static str) -> Vec<Key> {
    let of = |id, state, purpose| Key {
        state,
        purpose,
        ..Key::active(id)
    };
    vec![of(1, first, "vault"), of(2, second, purpose)]
}

fn tombstones(count: u64) -> Vec<Key> {
    (0..count).map(Key::destroyed).collect()
}

fn purposes(count: usize) -> Vec<(String, [u8; 4], u64)> {
    let names = std::iter::once("vault".to_owned()).chain((1..count).map(|n| format!("p{n}")));
    names.map(|name| (name, [1, 0, 2, 1], 0)).collect()
}

/// Entries by when they were issued, suite, flags and how long they are wrapped.
fn tenant(entries: &[(u64, u8, u8, usize)]) -> Vec<u8> {
    let mut out = b"kwtk\x02".to_vec();
    out.extend([0; 16]);
    out.extend(u16::try_from(entries.len()).unwrap().to_be_bytes());
    for (issued, suite, flags, len) in entries {
        out.extend([1; 8]);
        out.extend(issued.to_be_bytes());
        out.extend([*suite, *flags]);
        out.extend([0; 16]);
        out.extend(u16::try_from(*len).unwrap().to_be_bytes());
        out.resize(out.len() + len, 0x77);
    }
    out.extend(MAC);
    out
}

#[test]
fn a_tenants_record_is_read_up_to_its_limits_and_not_beyond() {
    let entry = (3, 1, 0, 104);
    for (what, entries) in [
        ("none", vec![]),
        ("the most", vec![entry; 1024]),
        ("the longest", vec![(3, 1, 1, 512)]),
        ("in order", vec![entry, entry, (4, 2, 0, 0)]),
    ] {
        let read = inspect_tenant(&tenant(&entries));
        assert_eq!(read.expect(what), entries.len(), "{what}");
    }
    for (what, entries) in [
        ("too many", vec![entry; 1025]),
        ("too long", vec![(3, 1, 0, 513)]),
        ("out of order", vec![entry, (2, 1, 0, 104)]),
        ("an unknown flag", vec![(3, 1, 2, 104)]),
    ] {
        is_corrupt(what, inspect_tenant(&tenant(&entries)));
    }
}

/// A lease that reports so many columns, each of so many keys.
fn lease(columns: u8, keys: u16) -> Vec<u8> {
    let mut out = b"kwrp\x02".to_vec();
    out.extend([0; 24]);
    out.push(columns);
    for _ in 0..columns {
        write_short("app", &mut out);
        out.extend([0, 1, b'x']);
        write_short("vault", &mut out);
        out.extend([0; 8]);
        out.extend(keys.to_be_bytes());
        out.resize(out.len() + usize::from(keys) * 16, 0x77);
    }
    out.extend(MAC);
    out
}

#[test]
fn a_lease_is_read_up_to_its_limits_and_not_beyond() {
    for (columns, keys) in [(0, 0), (64, 0), (1, 1024), (64, 2)] {
        inspect_replica(&lease(columns, keys)).unwrap();
    }
    for (columns, keys) in [(65, 0), (65, 1), (1, 1025)] {
        is_corrupt("too much", inspect_replica(&lease(columns, keys)));
    }
}

#[test]
fn an_anchor_longer_than_any_is_not_looked_at() {
    let said = |len| Pins::parse(&vec![b'x'; len]).unwrap_err().to_string();
    assert!(said(MAX_LEN).contains("not a keyward anchor"));
    for more in [1, 2] {
        assert!(said(MAX_LEN + more).contains("longer than an anchor"));
    }
}

#[test]
fn a_barrier_and_a_cursor_are_read_strictly() {
    let barrier = |version: u8, purpose: &str| {
        let front = [&b"kwbr"[..], &[version], &[0; 8]].concat();
        inspect_barrier(&[&front[..], purpose.as_bytes()].concat())
    };
    barrier(1, "vault").unwrap();
    for (what, read) in [
        ("version 0", barrier(0, "vault")),
        ("no purpose", barrier(1, "")),
        ("no purpose of ours", barrier(1, "no purpose")),
        ("too long a purpose", barrier(1, &"p".repeat(33))),
        ("nothing", inspect_barrier(b"")),
        ("no epoch", inspect_barrier(b"kwbr\x01\0\0\0\0\0\0\0")),
    ] {
        is_corrupt(what, read);
    }
    let newer = barrier(2, "vault").unwrap_err();
    assert_eq!(newer.kind(), ErrorKind::Unavailable);

    let cursor = |owner: usize, id: usize| {
        let mut out = b"kwcu\x02".to_vec();
        out.extend([0; 8]);
        out.push(u8::try_from(owner).unwrap());
        out.resize(out.len() + owner, b'o');
        out.extend(u16::try_from(id).unwrap().to_be_bytes());
        out.resize(out.len() + id, b'i');
        inspect_cursor(&out)
    };
    for (owner, id) in [(0, 0), (128, 1), (1, 300), (128, 300)] {
        cursor(owner, id).unwrap();
    }
    for (owner, id) in [(129, 1), (1, 301), (255, 1), (1, 999)] {
        is_corrupt("too long", cursor(owner, id));
    }
    is_corrupt("nothing", inspect_cursor(b""));
}
