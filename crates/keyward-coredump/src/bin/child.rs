//! Seals, opens and rotates, then drops everything and waits to be dumped.
//!
//! `child HOME SECRETS PROVIDER`, or `masked` for a provider to mask with a redactor, or `passwords` to hash some: after each stage it says the stage's name and waits for a line.

#![allow(clippy::print_stdout, clippy::print_stderr)] // It speaks to the test.

use std::fs::File;
use std::io::{BufRead as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use keyward_base::{
    Domain, Error, OpenObserver as _, OpenedSecret, Place, Purpose, RecordId, Result, Revision,
    Role, SecretBytes, Tenant,
};
use keyward_coredump::records::signed;
use keyward_coredump::{passwords, shapes};
use keyward_crypto::Provider;
use keyward_embedded::{Home, HomeDir, Options, RootSource};
use keyward_keys::{FileRoot, KeyUse, Life, Signs};
use keyward_redact::{Masker, Name, Policy, Redactor, danger, masker};
use keyward_vault::{Expect, Kind, Rewrap, Slot};

const LIMIT: usize = 1024 * 1024;

const CHILD: Domain<(&str,)> = Domain::new("keyward-coredump/v1/child");

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("{e:?}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let mut args = std::env::args_os().skip(1).map(PathBuf::from);
    let mut next = || {
        args.next()
            .ok_or_else(|| Error::misuse("child HOME SECRETS PROVIDER"))
    };
    let (dir, secrets, provider) = (next()?, next()?, next()?);
    if provider.to_str() == Some("masked") {
        let redactor = masked(&secrets)?;
        let open = open_stream(&redactor, &secrets)?;
        stage("masking");
        leak(&secrets)?;
        drop((redactor, open));
        return Ok(());
    }
    if provider.to_str() == Some("passwords") {
        let door = passwords::used(&secrets)?;
        stage("settled");
        door.shut_down();
        drop(door);
        stage("dropped");
        return leak(&secrets);
    }
    let provider = match provider.to_str() {
        Some("ring") => Provider::ring(),
        Some("rustcrypto") => Provider::rustcrypto(),
        _ => Provider::default(),
    };
    live(&dir, &secrets, provider)?;
    stage("dropped");
    leak(&secrets)
}

/// A redactor that knows what is derived from the seed, masked a log, forgot and learnt again.
fn masked(secrets: &Path) -> Result<Redactor> {
    let seed = std::fs::read(secrets.join("seed")).map_err(unreadable)?;
    let provider = Provider::default();
    let policy = Policy::default().mask_anyway("SHORT");
    let redactor = Redactor::with_policy(policy, |bytes| provider.fill(bytes))?;
    let name = |number| match number {
        shapes::SHORT => Name::new("SHORT"),
        _ => Name::new(&format!("NAME_{number}")),
    };
    let (tenant, place) = (Tenant::new("acme")?, Place::new("account.secret")?);
    let know = |number: u32| {
        let (value, _) = shapes::secret(&seed, number);
        if number.is_multiple_of(2) {
            return redactor.add(&name(number)?, value.expose());
        }
        redactor.opened(&OpenedSecret {
            collection: [0; 8],
            tenant: &tenant,
            place: &place,
            record: &RecordId::new(&format!("record-{number}"))?,
            revision: Revision::new(1),
            part: None,
            value: value.expose(),
        })
    };
    (0..=shapes::SHORT).try_for_each(know)?;
    let mut log = redactor.stream(Vec::new());
    for number in (0..shapes::COUNT).step_by(7) {
        let (value, _) = shapes::secret(&seed, number);
        for form in danger::forms(value.expose()).iter().step_by(3) {
            log.write_all(b"a line of the log: ").map_err(unreadable)?;
            for piece in form.expose().chunks(7) {
                log.write_all(piece).map_err(unreadable)?;
            }
            log.write_all(b"\n").map_err(unreadable)?;
        }
        log.flush().map_err(unreadable)?;
    }
    let log = log.finish().map_err(unreadable)?;
    if !String::from_utf8_lossy(&log).contains(masker::BLANK) {
        return Err(Error::misuse("nothing was masked"));
    }
    for number in (0..shapes::COUNT).step_by(10) {
        if !redactor.forget(&name(number)?) {
            return Err(Error::misuse("one that was registered is not known"));
        }
    }
    (0..shapes::COUNT).step_by(20).try_for_each(know)?;
    Ok(std::hint::black_box(redactor))
}

/// A stream that waits for more, to which forms were written with a line ending after every five
/// bytes.
fn open_stream(redactor: &Redactor, secrets: &Path) -> Result<Masker> {
    let seed = std::fs::read(secrets.join("seed")).map_err(unreadable)?;
    if redactor.counts().in_automata == 0 {
        return Err(Error::misuse("no form is looked for by an automaton"));
    }
    let mut masker = redactor.masker();
    let mut out = Vec::new();
    for number in (0..shapes::COUNT).step_by(9) {
        let (value, _) = shapes::secret(&seed, number);
        for form in danger::forms(value.expose()) {
            for line in form.expose().chunks(5) {
                masker.push(line, &mut out);
                masker.push(b"\r\n", &mut out);
            }
            masker.push(b"\n", &mut out);
        }
    }
    // A secret that begins with a space may begin here; nothing else may.
    masker.push(&[b' '; 16], &mut out);
    masker.flush(&mut out);
    if masker.held() > 7 || !String::from_utf8_lossy(&out).contains(masker::BLANK) {
        return Err(Error::misuse("text is held back, or nothing was masked"));
    }
    Ok(std::hint::black_box(masker))
}

fn leak(secrets: &Path) -> Result<()> {
    // The controls: whatever the test puts there is read and kept, as a careless program would.
    let leak = std::fs::read(secrets.join("leak")).map_err(unreadable)?;
    let leak = std::hint::black_box(leak);
    stage("leaked");
    drop(std::hint::black_box(leak));
    Ok(())
}

fn live(dir: &Path, secrets: &Path, provider: Provider) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .map_err(unreadable)?;
    let mut options = Options::with_root(RootSource::File);
    options.anchor = Some(secrets.join("anchor"));
    options.provider = provider;
    let dir = HomeDir::at(dir);
    runtime.block_on(async {
        let home = Home::init(&dir, &options).await?;
        put_all(&home, secrets).await?;
        refuse_all(&home, secrets, &provider)?;
        open_all(&home).await?;
        mac_and_sign(&home).await?;
        passwords::sealed(&home, secrets).await?;
        stage("sealed");
        let admin = home.keyring().admin();
        admin.rotate(home.vault().purpose()).await?;
        admin.promote_ready().await?;
        Rewrap::new(home.vault()).run().await?;
        let pepper = Purpose::new("password")?;
        admin.rotate(&pepper).await?;
        admin.promote_ready().await?;
        admin.rewrap_values(&pepper, |_| {}).await?;
        for (purpose, _) in others()? {
            admin.rotate(&purpose).await?;
            admin.promote_ready().await?;
        }
        drop(home);
        let home = Home::open(&dir, &options).await?;
        open_all(&home).await?;
        mac_and_sign(&home).await?;
        passwords::sealed(&home, secrets).await?;
        stage("alive");
        Ok(())
    })
}

const KINDS: [Kind; 5] = [
    Kind::ApiKey,
    Kind::Env,
    Kind::OAuthToken,
    Kind::Opaque,
    Kind::SshKey,
];

async fn put_all(home: &Home, secrets: &Path) -> Result<()> {
    for (kind, slot) in slots()? {
        let file = File::open(secrets.join(kind.to_string())).map_err(unreadable)?;
        let bytes = SecretBytes::read(file, LIMIT)?;
        let credential = home.vault().credential(kind, bytes)?;
        let vault = home.vault();
        vault
            .put(&slot, &credential, &Role::none(), Expect::Absent)
            .await?;
    }
    Ok(())
}

/// Credentials with one wrong character: what was decoded of them until then is wiped too.
fn refuse_all(home: &Home, secrets: &Path, provider: &Provider) -> Result<()> {
    for kind in [Kind::Env, Kind::OAuthToken, Kind::SshKey] {
        let file = File::open(secrets.join(format!("damaged-{kind}"))).map_err(unreadable)?;
        let bytes = SecretBytes::read(file, LIMIT)?;
        if home.vault().credential(kind, bytes).is_ok() {
            return Err(Error::misuse(format!("a damaged {kind} was taken")));
        }
    }
    if FileRoot::open(&secrets.join("damaged-root"), provider).is_ok() {
        return Err(Error::misuse("a damaged root was taken"));
    }
    // One that is whole is looked at in each alphabet too.
    FileRoot::open(&secrets.join("url-root"), provider).map(drop)
}

async fn open_all(home: &Home) -> Result<()> {
    for (kind, slot) in slots()? {
        let opened = home.vault().open(&slot, &Role::none()).await?;
        if opened.bytes().is_empty() {
            return Err(Error::corrupt(format!("{kind} came out empty")));
        }
    }
    Ok(())
}

/// The purposes that do not seal.
fn others() -> Result<[(Purpose, KeyUse); 2]> {
    Ok([
        (Purpose::new("tokens")?, KeyUse::Mac(Life::Endless)),
        (Purpose::new("notes")?, KeyUse::Sign(Signs::Raw)),
    ])
}

/// MACs and signs with keys of the ring and of a tenant.
async fn mac_and_sign(home: &Home) -> Result<()> {
    let (keyring, acme) = (home.keyring(), Tenant::new("acme")?);
    for (purpose, what) in others()? {
        keyring.admin().add_purpose(&purpose, what).await?;
        if matches!(what, KeyUse::Mac(_)) {
            for key in [keyring.mac(&purpose)?, keyring.tenant_mac(&purpose, &acme)?] {
                let tag = key.sign(CHILD, &("what the child MACs",));
                key.verify(CHILD, &("what the child MACs",), &tag)?;
            }
        } else {
            for key in [
                keyring.signing(&purpose)?,
                keyring.tenant_signing(&purpose, &acme)?,
            ] {
                let signature = key.sign_raw(&signed())?;
                key.public().verify_bytes(&signed(), &signature)?;
            }
        }
    }
    Ok(())
}

fn slots() -> Result<Vec<(Kind, Slot)>> {
    let slot = |kind: Kind| Slot::new("acme", "account.secret", &kind.to_string());
    KINDS
        .into_iter()
        .map(|kind| Ok((kind, slot(kind)?)))
        .collect()
}

fn stage(name: &str) {
    println!("{name}");
    let mut line = String::new();
    // At the end of input the child goes on, and ends.
    let _ = std::io::stdin().lock().read_line(&mut line);
}

fn unreadable(e: std::io::Error) -> Error {
    Error::unavailable("the test's own files cannot be read").with_source(e)
}
