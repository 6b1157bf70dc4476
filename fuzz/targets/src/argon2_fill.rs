//! Argon2 beside the `argon2` crate.

use argon2::{Algorithm, AssociatedData, ParamsBuilder, Version};
use keyward_crypto::slow::argon2::{Arena, Argon2, Instructions, Kind};

/// Seven bytes say the parameters; what follows is cut into password, salt, secret and data, each
/// behind a byte that says its length. All instructions of this processor make the same hash as the
/// crate, on memory that holds the last one; what the crate refuses is refused.
pub fn argon2_fill(data: &[u8]) {
    let Some(([kind, passes, lanes, memory, more, out, rest], fields)) = data.split_first_chunk()
    else {
        return;
    };
    let kinds = [
        (Kind::D, Algorithm::Argon2d),
        (Kind::I, Algorithm::Argon2i),
        (Kind::Id, Algorithm::Argon2id),
    ];
    let (kind, theirs) = kinds[usize::from(*kind % 3)];
    let version = if rest & 1 == 0 {
        Version::V0x13
    } else {
        Version::V0x10
    };
    // At most 4 MiB written, so that an input takes milliseconds.
    let (passes, lanes) = (u32::from(passes % 5), u32::from(lanes % 6));
    let memory = u32::from(*memory) + 4 * u32::from(*more % 128);
    let mut fields = crate::fields(fields).into_iter();
    let mut field = || fields.next().unwrap_or_default();
    let (password, salt, secret, data) = (field(), field(), field(), field());
    let mut wanted = vec![0; usize::from(*out)];
    let theirs = AssociatedData::new(data).and_then(|data| {
        let params = ParamsBuilder::new()
            .m_cost(memory)
            .t_cost(passes)
            .p_cost(lanes)
            .output_len(wanted.len())
            .data(data)
            .build()?;
        argon2::Argon2::new_with_secret(secret, theirs, version, params)?.hash_password_into(
            password,
            salt,
            &mut wanted,
        )
    });
    let mut arena = Arena::default();
    for instructions in Instructions::all() {
        let mut argon2 = Argon2::new(kind, memory, passes, lanes)
            .secret(secret)
            .data(data)
            .instructions(instructions);
        if version == Version::V0x10 {
            argon2 = argon2.version_0x10();
        }
        let mut out = vec![0; wanted.len()];
        let ours = argon2.hash(password, salt, &mut out, &mut arena);
        assert_eq!(ours.is_ok(), theirs.is_ok(), "{ours:?}, {theirs:?}");
        if ours.is_ok() {
            assert_eq!(out, wanted, "{instructions:?}");
        }
    }
}
