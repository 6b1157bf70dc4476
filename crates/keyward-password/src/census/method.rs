//! A recipe in words, and what a guess at it costs.

use keyward_crypto::slow::argon2::Kind;
use keyward_crypto::slow::crypt::Md5Crypt;
use keyward_crypto::slow::digest::Digest;

use crate::recipe::{Hash, Prepare, Recipe};

/// Function and cost, without anything of salt and digest, in at most some 100 bytes.
pub(super) fn words(recipe: &Recipe) -> String {
    let hash = match &recipe.hash {
        Hash::Argon2 {
            kind,
            old,
            memory_kib,
            passes,
            lanes,
            ..
        } => {
            let name = match kind {
                Kind::D => "argon2d",
                Kind::I => "argon2i",
                _ => "argon2id",
            };
            let version = if *old { " v=16" } else { "" };
            format!("{name}{version} m={memory_kib} t={passes} p={lanes}")
        }
        Hash::Bcrypt { cost, .. } => format!("bcrypt cost={cost}"),
        Hash::Digest { digest, times, .. } => counted(name(*digest).to_owned(), *times),
        Hash::Firebase {
            mem_cost,
            rounds,
            parallel,
            ..
        } => format!("firebase-scrypt ln={mem_cost} r={rounds} p={parallel}"),
        Hash::Hmac { digest, .. } => format!("hmac-{}", name(*digest)),
        Hash::HmacUnder { digest, times, .. } => counted(format!("hmac-{}", name(*digest)), *times),
        Hash::Md5Crypt { which, .. } => match which {
            Md5Crypt::Apache => "md5-crypt apr1".to_owned(),
            _ => "md5-crypt".to_owned(),
        },
        Hash::Pbkdf2 { digest, rounds, .. } => format!("pbkdf2-{} rounds={rounds}", name(*digest)),
        Hash::Phpass { digest, log2, .. } => format!("phpass-{} log2={log2}", name(*digest)),
        Hash::Scrypt { log_n, r, p, .. } => format!("scrypt ln={log_n} r={r} p={p}"),
        Hash::ShaCrypt { is_512, rounds, .. } => {
            let name = if *is_512 { "sha512" } else { "sha256" };
            format!("{name}-crypt rounds={rounds}")
        }
        Hash::Yescrypt { log_n, r, p, t, .. } => format!("yescrypt ln={log_n} r={r} p={p} t={t}"),
    };
    let first = recipe.prepare.iter().find_map(|step| match step {
        Prepare::Base64(digest) | Prepare::Hex(digest) | Prepare::Raw(digest) => {
            Some(name(*digest).to_owned())
        }
        Prepare::HmacBase64(digest, _) => Some(format!("hmac-{}", name(*digest))),
        _ => None,
    });
    match first {
        Some(first) => format!("{hash} over {first}"),
        None => hash,
    }
}

fn counted(name: String, times: u32) -> String {
    if times == 0 {
        return name;
    }
    format!("{name} rounds={}", u64::from(times).saturating_add(1))
}

const fn name(digest: Digest) -> &'static str {
    match digest {
        Digest::Md4 => "md4",
        Digest::Md5 => "md5",
        Digest::Sha1 => "sha1",
        Digest::Sha224 => "sha224",
        Digest::Sha256 => "sha256",
        Digest::Sha384 => "sha384",
        Digest::Sha512 => "sha512",
        _ => "digest",
    }
}

/// OWASP's rows are equally strong, and so make one measure of different functions: Argon2id by
/// memory · (3 · passes - 1), scrypt N = 2^17 and r = 8, bcrypt 10, PBKDF2 220,000 rounds with SHA-512,
/// 600,000 with SHA-256 and 1,300,000 with SHA-1. A round of a digest alone counts as one of PBKDF2
/// with it, and one of MD4 or MD5 as one with SHA-1; SHA-crypt's as well.
pub(super) fn of_owasps_least(recipe: &Recipe) -> f64 {
    let rounds = |digest: Digest, rounds: f64| {
        let least = match digest {
            Digest::Sha224 | Digest::Sha256 => 600_000.0,
            Digest::Sha384 | Digest::Sha512 => 220_000.0,
            _ => 1_300_000.0,
        };
        rounds / least
    };
    let power = |log2: f64| 2_f64.powf(log2);
    // 128 · N · r · p bytes, against 128 MiB.
    let scrypt = |log_n: u8, r: u32, p: u32| {
        power(f64::from(log_n) - 17.0) * f64::from(r) / 8.0 * f64::from(p)
    };
    match &recipe.hash {
        Hash::Argon2 {
            memory_kib, passes, ..
        } => {
            let factor = (f64::from(*passes) * 3.0 - 1.0).max(1.0);
            f64::from(*memory_kib) * factor / 89_063.0
        }
        Hash::Bcrypt { cost, .. } => power(f64::from(*cost) - 10.0),
        Hash::Digest { digest, times, .. } | Hash::HmacUnder { digest, times, .. } => {
            rounds(*digest, f64::from(*times) + 1.0)
        }
        Hash::Firebase {
            mem_cost,
            rounds,
            parallel,
            ..
        } => scrypt(*mem_cost, *rounds, *parallel),
        Hash::Hmac { digest, .. } => rounds(*digest, 1.0),
        Hash::Md5Crypt { .. } => rounds(Digest::Md5, 1000.0),
        Hash::Pbkdf2 {
            digest, rounds: n, ..
        } => rounds(*digest, f64::from(*n)),
        Hash::Phpass { digest, log2, .. } => rounds(*digest, power(f64::from(*log2))),
        Hash::Scrypt { log_n, r, p, .. } => scrypt(*log_n, *r, *p),
        Hash::ShaCrypt {
            is_512, rounds: n, ..
        } => {
            let digest = if *is_512 {
                Digest::Sha512
            } else {
                Digest::Sha256
            };
            rounds(digest, f64::from(*n))
        }
        Hash::Yescrypt { log_n, r, p, t, .. } => scrypt(*log_n, *r, *p) * (f64::from(*t) + 1.0),
    }
}
