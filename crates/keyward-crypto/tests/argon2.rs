//! Argon2 beside RFC 9106 and the `argon2` crate, with all the instructions that this processor has.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    missing_docs
)] // Tests: a panic is the report.

use argon2::{Algorithm, AssociatedData, ParamsBuilder, Version};
use keyward_base::{ErrorKind, encoding};
use keyward_crypto::slow::argon2::{Arena, Argon2, Instructions, Kind};
use proptest::prelude::*;

const KINDS: [(Kind, Algorithm); 3] = [
    (Kind::D, Algorithm::Argon2d),
    (Kind::I, Algorithm::Argon2i),
    (Kind::Id, Algorithm::Argon2id),
];

#[test]
fn the_vectors_of_rfc_9106() {
    // Sections 5.1 to 5.3.
    let wanted = [
        "512b391b6f1162975371d30919734294f868e3be3984f3c1a13a4db9fabe4acb",
        "c814d9d1dc7f37aa13f0d77f2494bda1c8de6b016dd388d29952a4c4672b6ce8",
        "0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659",
    ];
    let mut arena = Arena::default();
    for ((kind, _), wanted) in KINDS.into_iter().zip(wanted) {
        for instructions in Instructions::all() {
            let mut out = [0; 32];
            Argon2::new(kind, 32, 3, 4)
                .secret(&[3; 8])
                .data(&[4; 12])
                .instructions(instructions)
                .hash(&[1; 32], &[2; 16], &mut out, &mut arena)
                .unwrap();
            let wanted = encoding::from_hex::<32>(wanted).unwrap();
            assert_eq!(out, wanted, "{kind:?}, {instructions:?}");
        }
    }
}

/// All that decides a hash, for both.
#[derive(Clone, Debug)]
struct Case {
    kind: usize,
    is_older: bool,
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    password: Vec<u8>,
    salt: Vec<u8>,
    secret: Vec<u8>,
    data: Vec<u8>,
    out_len: usize,
}

impl Case {
    fn theirs(&self) -> Vec<u8> {
        let params = ParamsBuilder::new()
            .m_cost(self.memory_kib)
            .t_cost(self.passes)
            .p_cost(self.lanes)
            .output_len(self.out_len)
            .data(AssociatedData::new(&self.data).unwrap())
            .build()
            .unwrap();
        let version = if self.is_older {
            Version::V0x10
        } else {
            Version::V0x13
        };
        let mut out = vec![0; self.out_len];
        argon2::Argon2::new_with_secret(&self.secret, KINDS[self.kind].1, version, params)
            .unwrap()
            .hash_password_into(&self.password, &self.salt, &mut out)
            .unwrap();
        out
    }

    fn ours(&self, instructions: Instructions, arena: &mut Arena) -> Vec<u8> {
        let mut argon2 = Argon2::new(KINDS[self.kind].0, self.memory_kib, self.passes, self.lanes)
            .secret(&self.secret)
            .data(&self.data)
            .instructions(instructions);
        if self.is_older {
            argon2 = argon2.version_0x10();
        }
        let mut out = vec![0; self.out_len];
        argon2
            .hash(&self.password, &self.salt, &mut out, arena)
            .unwrap();
        out
    }

    fn agree(&self, arena: &mut Arena) {
        let theirs = self.theirs();
        for instructions in Instructions::all() {
            assert_eq!(self.ours(instructions, arena), theirs, "{instructions:?}");
        }
    }
}

fn bytes(len: impl Into<prop::collection::SizeRange>) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), len)
}

prop_compose! {
    fn case()(
        (kind, is_older) in (0..3_usize, any::<bool>()),
        (passes, lanes) in (1..6_u32, 1..9_u32),
        more in prop_oneof![Just(0), 0..200_u32],
        (password, salt) in (bytes(0..200), bytes(8..80)),
        (secret, data) in (bytes(0..40), bytes(0..=32)),
        // Of the hash that makes it: its half, its whole, and what follows.
        out_len in prop_oneof![4..=1024_usize, Just(32), Just(64), Just(65), Just(96), Just(97)],
    ) -> Case {
        let memory_kib = 8 * lanes + more;
        Case { kind, is_older, memory_kib, passes, lanes, password, salt, secret, data, out_len }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn it_is_what_the_crate_makes(first in case(), second in case()) {
        // The second finds what the first left in the memory.
        let mut arena = Arena::default();
        first.agree(&mut arena);
        second.agree(&mut arena);
    }
}

#[test]
fn it_is_so_for_segments_longer_than_a_block_of_addresses() {
    let mut arena = Arena::default();
    for kind in 0..3 {
        for (memory_kib, passes, lanes) in [(511, 3, 1), (512, 3, 1), (2_047, 2, 1), (4_100, 3, 4)]
        {
            for is_older in [false, true] {
                let case = Case {
                    kind,
                    is_older,
                    memory_kib,
                    passes,
                    lanes,
                    password: b"correct horse battery staple".to_vec(),
                    salt: b"some salt of 16!".to_vec(),
                    secret: Vec::new(),
                    data: Vec::new(),
                    out_len: 32,
                };
                case.agree(&mut arena);
            }
        }
    }
}

#[test]
fn what_argon2_does_not_have_is_refused() {
    let mut arena = Arena::default();
    let mut hash = |(memory, passes, lanes), salt: usize, out: usize, data: usize| {
        let data = vec![0; data];
        Argon2::new(Kind::Id, memory, passes, lanes)
            .data(&data)
            .hash(b"password", &vec![0; salt], &mut vec![0; out], &mut arena)
            .map_err(|e| e.kind())
    };
    hash((8, 1, 1), 8, 4, 32).unwrap();
    hash((24, 1, 3), 8, 4, 0).unwrap();
    let refused = Err(ErrorKind::Misuse);
    for shape in [
        (7, 1, 1),
        (0, 1, 1),
        (23, 1, 3),
        (8, 0, 1),
        (8, 1, 0),
        (u32::MAX, 1, 1 << 24),
        (u32::MAX, 1, u32::MAX),
    ] {
        assert_eq!(hash(shape, 8, 4, 0), refused, "{shape:?}");
    }
    assert_eq!(hash((8, 1, 1), 7, 4, 0), refused);
    assert_eq!(hash((8, 1, 1), 8, 3, 0), refused);
    assert_eq!(hash((8, 1, 1), 8, 4, 33), refused);
}

#[test]
fn an_arena_grows_to_what_is_asked_and_keeps_it() {
    let mut arena = Arena::with_capacity(0).unwrap();
    assert!(arena.is_empty());
    let hash = |memory, arena: &mut Arena| {
        let argon2 = Argon2::new(Kind::Id, memory, 2, 1);
        argon2
            .hash(b"password", &[0; 16], &mut [0; 32], arena)
            .unwrap();
        arena.len()
    };
    assert_eq!(hash(64, &mut arena), 64 << 10);
    // Blocks beyond four times what a segment has are not used (RFC 9106, section 3.2).
    assert_eq!(hash(131, &mut arena), 128 << 10);
    assert_eq!(hash(8, &mut arena), 128 << 10);
    arena.wipe();
    assert_eq!(arena.len(), 128 << 10);
}
