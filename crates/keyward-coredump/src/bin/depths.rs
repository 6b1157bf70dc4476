//! Does each operation that overwrites its stack, on a stack that is painted: a debugger looks how
//! deep it went, and how deep was overwritten.
//!
//! `depths ROUNDS`: does all of them so many times. Before each round it calls [`round`], where the
//! debugger forces other code paths, and before each operation [`operation`] with its name.

use std::hint::black_box;

use keyward_base::{Domain, Encoded, Error, Result, SecretArray, SecretBytes, Suite};
use keyward_crypto::hmac::{HmacHash, HmacKey, HmacTag};
use keyward_crypto::sign::SigningKey;
use keyward_crypto::slow::argon2::{Arena, Argon2, Instructions, Kind};
use keyward_crypto::{BodyKey, MacKey, Provider};

/// Bytes that are painted: deeper than any operation goes.
const PAINTED: usize = 64 * 1024;

type Fields = (&'static str, u64, [u8; 33]);
const LINK: Domain<Fields> = Domain::new("example/v1/link");
const FIELDS: Fields = ("acme", 7, [0x42; 33]);
/// As many fields as a domain may have, longer together than what is gathered at once.
type Many = (
    [u8; 33],
    u64,
    &'static str,
    &'static [u8],
    [u8; 33],
    u64,
    &'static str,
    &'static [u8],
    u64,
    u64,
    [u8; 16],
    &'static str,
);
const MANY: Domain<Many> = Domain::new("example/v1/many");
const ALL: Many = (
    [1; 33], 2, "three", &[4; 300], [5; 33], 6, "seven", &[8; 140], 9, 10, [11; 16], "twelve",
);
const PARTS: [&[u8]; 3] = [b"one", &[2; 200], b"three"];
const SMALL: [u8; 64] = [0x42; 64];

fn main() -> Result<()> {
    let rounds = std::env::args().nth(1).and_then(|text| text.parse().ok());
    let rounds: u32 = rounds.ok_or_else(|| Error::misuse("depths ROUNDS"))?;
    let all = [
        ("mixed", Provider::mixed()),
        ("ring", Provider::ring()),
        ("RustCrypto", Provider::rustcrypto()),
    ];
    let all = all.iter().map(|(name, provider)| Keys::new(name, provider));
    let all = all.collect::<Result<Vec<_>>>()?;
    for number in 0..rounds {
        // What the processor has was looked up when the keys were made.
        round(number);
        all.iter().try_for_each(Keys::measure)?;
    }
    Ok(())
}

/// Here the debugger chooses the code paths.
#[inline(never)]
fn round(number: u32) {
    black_box(number);
}

/// Here the debugger reads what is measured next.
#[inline(never)]
fn operation(name: &str) {
    black_box(name);
}

#[inline(never)]
fn paint() {
    black_box(&mut [0xa5_u8; PAINTED]);
}

/// What the operations of one provider work with.
struct Keys {
    name: &'static str,
    provider: Provider,
    secret: SecretArray<32>,
    long: SecretBytes,
    mac: MacKey,
    tag: [u8; 32],
    foreign: Vec<(HmacHash, HmacKey, HmacTag)>,
    bodies: Vec<(Suite, BodyKey, Vec<u8>, Vec<u8>)>,
    context: Encoded,
    bulk: Vec<u8>,
    signing: SigningKey,
}

impl Keys {
    fn new(name: &'static str, provider: &Provider) -> Result<Self> {
        let secret = provider.random()?;
        let long = SecretBytes::copy_of(&[7; 200]);
        let (context, bulk) = (LINK.encode(&FIELDS)?, vec![0x42; 40_000]);
        let mac = MacKey::new(provider, &secret)?;
        let foreign = |hash| {
            let key = HmacKey::new(provider, hash, &long)?;
            let tag = key.sign(&PARTS);
            Ok((hash, key, tag))
        };
        let body = |suite| {
            let key = BodyKey::new(provider, suite, &secret)?;
            let (mut small, mut more) = (Vec::new(), Vec::new());
            key.seal(&context, &SMALL, &mut small)?;
            key.seal(&context, &bulk, &mut more)?;
            Ok((suite, key, small, more))
        };
        let hashes = [HmacHash::Sha1, HmacHash::Sha256, HmacHash::Sha512];
        let suites = [Suite::Chunked1, Suite::Chunked2];
        Ok(Self {
            name,
            provider: *provider,
            tag: mac.sign(LINK, &FIELDS),
            mac,
            foreign: hashes.into_iter().map(foreign).collect::<Result<_>>()?,
            bodies: suites.into_iter().map(body).collect::<Result<_>>()?,
            signing: SigningKey::new(provider.random()?)?,
            secret,
            long,
            context,
            bulk,
        })
    }

    /// Runs `work` on a painted stack.
    #[inline(never)]
    fn on_paint<T>(&self, what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        operation(&format!("{}: {what}", self.name));
        paint();
        work()
    }

    fn measure(&self) -> Result<()> {
        self.macs()?;
        self.foreign()?;
        self.bodies()?;
        self.slow()?;
        let sign = || self.signing.sign_bytes(black_box(b"a message"));
        self.on_paint("Ed25519, sign", sign).map(drop)
    }

    /// Each kind of instructions is asked for here: nothing need be forced.
    fn slow(&self) -> Result<()> {
        for instructions in Instructions::all() {
            let argon2 = Argon2::new(Kind::Id, 64, 2, 2).instructions(instructions);
            // A hash that is longer than a link of what makes it, and memory that is there.
            let (mut arena, mut out) = (Arena::with_capacity(1 << 16)?, [0; 100]);
            let hash = || argon2.hash(self.long.expose(), &[0; 16], &mut out, &mut arena);
            self.on_paint(&format!("Argon2id, {instructions:?}"), hash)?;
        }
        Ok(())
    }

    fn macs(&self) -> Result<()> {
        let (mac, tag) = (&self.mac, &self.tag);
        self.on_paint("MAC, key", || MacKey::new(&self.provider, &self.secret))?;
        self.on_paint("MAC, sign", || Ok(mac.sign(LINK, black_box(&FIELDS))))?;
        self.on_paint("MAC, verify", || mac.verify(LINK, black_box(&FIELDS), tag))?;
        let many = self.on_paint("MAC, sign many", || Ok(mac.sign(MANY, black_box(&ALL))))?;
        let verify = || mac.verify(MANY, black_box(&ALL), &many);
        self.on_paint("MAC, verify many", verify)
    }

    fn foreign(&self) -> Result<()> {
        for (hash, key, tag) in &self.foreign {
            let make = || HmacKey::new(&self.provider, *hash, &self.long);
            self.on_paint(&format!("HMAC {hash:?}, key"), make)?;
            let sign = || Ok(key.sign(black_box(&PARTS)));
            self.on_paint(&format!("HMAC {hash:?}, sign"), sign)?;
            let verify = || key.verify(black_box(&PARTS), tag);
            self.on_paint(&format!("HMAC {hash:?}, verify"), verify)?;
        }
        Ok(())
    }

    fn bodies(&self) -> Result<()> {
        let context = &self.context;
        for (suite, key, small, more) in &self.bodies {
            let named = |what| format!("{suite:?}, {what}");
            let make = || BodyKey::new(&self.provider, *suite, &self.secret);
            self.on_paint(&named("key"), make)?;
            let mut out = Vec::with_capacity(1_000);
            let seal = || key.seal(context, &SMALL, &mut out);
            self.on_paint(&named("seal"), seal)?;
            let mut out = Vec::with_capacity(50_000);
            let seal = || key.seal(context, &self.bulk, &mut out);
            self.on_paint(&named("seal more"), seal)?;
            self.on_paint(&named("open"), || key.open(context, small))?;
            self.on_paint(&named("open more"), || key.open(context, more))?;
            let buffer = more.clone();
            let open = || key.open_in_place(context, buffer, 0);
            self.on_paint(&named("open in place"), open)?;
            self.on_paint(&named("verify"), || key.verify(context, small))?;
            self.on_paint(&named("derive"), || key.derive("label", context))?;
        }
        Ok(())
    }
}
