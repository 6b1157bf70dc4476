//! Passwords that are hashed, wrapped, verified, turned away and dropped; and some whose hashes are
//! sealed under a pepper, wrapped there and made anew.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::channel;

use keyward_base::{
    Clock, Door, Error, Purpose, Result, SecretBytes, Subject, SystemClock, Tenant,
};
use keyward_embedded::Home;
use keyward_keys::KeyUse;
use keyward_password::danger::hash_unjudged;
use keyward_password::pool::Need;
use keyward_password::{
    Account, Admission, Checked, Context, Credential, CredentialRows, Credentials as _, Loaded,
    NewHash, Password, Passwords, Policy, Row, Upgrade, Upgrades, Wrap, reason,
};

/// Bytes of a salt that the test chooses, of a hash in one pass: the first block that such a hash
/// leaves comes from the password alone.
pub const ONE_PASS: (&str, u32) = ("c29tZSBzYWx0IG9mIDE2IQ", 8_192);

fn password(secrets: &Path, name: &str) -> Result<Password> {
    let file = std::fs::File::open(secrets.join(name))
        .map_err(|e| Error::unavailable("the test's own files cannot be read").with_source(e))?;
    Password::new(SecretBytes::read(file, 1024)?)
}

/// Tells the test what is stored.
fn tell(secrets: &Path, name: &str, stored: &str) -> Result<()> {
    std::fs::write(secrets.join(name), stored)
        .map_err(|e| Error::unavailable("the test's own files cannot be written").with_source(e))
}

fn sure(is_so: bool, otherwise: &'static str) -> Result<()> {
    if is_so {
        return Ok(());
    }
    Err(Error::misuse(otherwise))
}

/// A door that hashes as the test reckons with, and one as it was before, whose hashes are weaker.
fn doors(clock: &Arc<dyn Clock>) -> Result<(Passwords, Passwords)> {
    let door = |new| {
        let policy = Policy::default().new_hashes(new);
        let admission = Admission::default().workers(1).waiting(2, 2);
        Passwords::new(policy, admission, Arc::clone(clock))
    };
    let (new, old) = (NewHash::argon2id(7_168, 5, 1)?, NewHash::bcrypt(10)?);
    Ok((door(new)?, door(old)?))
}

/// Hashes, wraps, verifies and turns away the passwords that lie in the files, and tells what was
/// `stored`, what was `weak` and what that was `wrapped` into. The pool is at rest when it returns.
///
/// # Errors
/// Those of the calls, and `Misuse` if one of them does not do what it is here for.
pub fn used(secrets: &Path) -> Result<Passwords> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let (passwords, before) = doors(&clock)?;
    let account = account("ann")?;
    let acme = account.tenant.clone();
    let verify = |row: &str, name| {
        passwords
            .verify(&account, &Row::new(row), password(secrets, name)?)
            .wait()
    };
    let stored = hash_unjudged(&passwords, &acme, password(secrets, "hashed")?).wait()?;
    tell(secrets, "stored", &stored)?;
    let is_right = matches!(verify(&stored, "hashed")?, Checked::Match { .. })
        && matches!(verify(&stored, "wrong")?, Checked::Mismatch);
    sure(is_right, "a verification went wrong")?;
    let weak = hash_unjudged(&before, &acme, password(secrets, "imported")?).wait()?;
    before.shut_down();
    tell(secrets, "weak", &weak)?;
    let Wrap::Wrapped(wrapped) = passwords.wrap(&acme, &Row::new(&weak)).wait()? else {
        return Err(Error::misuse("a weak hash was not wrapped"));
    };
    tell(secrets, "wrapped", &wrapped)?;
    let is_right = matches!(verify(&wrapped, "imported")?, Checked::Match { .. });
    sure(is_right, "a verification went wrong")?;
    let (salt, memory) = ONE_PASS;
    let tag = "iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8";
    let once = format!("$argon2id$v=19$m={memory},t=1,p=1${salt}${tag}");
    let is_right = matches!(verify(&once, "once")?, Checked::Mismatch);
    sure(is_right, "a verification went wrong")?;
    // One runs, two wait, the next is turned away, and one of those that wait hangs up.
    let (go, waits) = channel::<()>();
    let (begun, begins) = channel();
    let running = passwords.pool().run(&acme, Need::default(), move |_| {
        let _ = begun.send(());
        let _ = waits.recv();
        Ok(())
    });
    let _ = begins.recv();
    let waiting = [
        passwords.verify(&account, &Row::new(&stored), password(secrets, "waited")?),
        passwords.verify(&account, &Row::new(&stored), password(secrets, "hung-up")?),
    ];
    let turned_away = verify(&stored, "turned-away").err();
    let is_busy = turned_away.and_then(|e| e.reason()) == Some(reason::BUSY);
    sure(is_busy, "nothing was turned away")?;
    let [waited, hung_up] = waiting;
    drop(hung_up);
    let _ = go.send(());
    running.wait()?;
    drop(waited.wait()?);
    passwords.pool().settle();
    Ok(passwords)
}

fn account(subject: &str) -> Result<Account> {
    Ok(Account {
        door: Door::new("users"),
        tenant: Tenant::new("acme")?,
        subject: Subject::new(subject)?,
    })
}

/// Logs in under a pepper, with the passwords in the files `login` and `import`. The first time their
/// rows are made, with weak hashes: a log-in makes one anew, and the other is wrapped where it lies. The
/// second time a log-in takes the wrapping off. Tells what is stored then.
///
/// # Errors
/// Those of the calls, and `Misuse` if one of them does not do what it is here for.
pub async fn sealed(home: &Home, secrets: &Path) -> Result<()> {
    let ring = home.keyring();
    let purpose = Purpose::new("password")?;
    ring.admin().add_purpose(&purpose, KeyUse::Seal).await?;
    let (passwords, before) = doors(ring.clock())?;
    let (ann, bob) = (account("ann")?, account("bob")?);
    let clock = Arc::clone(ring.clock());
    let rows = CredentialRows::builder(home.data().clone(), ann.door, clock);
    let rows = rows.pepper(ring.clone()).build().await?;
    let upgrades = Upgrades::new(&passwords, Arc::new(rows.clone()));
    let is_first = rows.load(&ann).await?.is_none();
    if is_first {
        for (account, name) in [(&ann, "login"), (&bob, "import")] {
            let typed = password(secrets, name)?;
            let weak = hash_unjudged(&before, &account.tenant, typed).await?;
            tell(secrets, &format!("{name}-weak"), &weak)?;
            let credential = Credential::new(&weak, ring.clock().now()?)?;
            rows.insert(account, credential).await?;
        }
    }
    let mistyped = password(secrets, "mistyped")?;
    let loaded = load(&rows, &ann).await?;
    let checked = upgrades.check(&ann, &loaded, mistyped).await?.checked;
    sure(matches!(checked, Checked::Mismatch), "a log-in went wrong")?;
    log_in(
        &upgrades,
        &ann,
        &loaded,
        password(secrets, "login")?,
        is_first,
    )
    .await?;
    tell_row(&rows, &ann, secrets, "login-stored").await?;
    if is_first {
        let wrapped = rows
            .wrap_all(&passwords, &Context::default(), |_| {})
            .await?;
        sure(wrapped.wrapped == 1, "a weak row was not wrapped")?;
        tell_row(&rows, &bob, secrets, "import-wrapped").await?;
    } else {
        let loaded = load(&rows, &bob).await?;
        log_in(&upgrades, &bob, &loaded, password(secrets, "import")?, true).await?;
        tell_row(&rows, &bob, secrets, "import-stored").await?;
    }
    passwords.shut_down();
    before.shut_down();
    Ok(())
}

async fn load(rows: &CredentialRows, account: &Account) -> Result<Loaded> {
    let missing = || Error::misuse("the row is not there");
    rows.load(account).await?.ok_or_else(missing)
}

async fn tell_row(
    rows: &CredentialRows,
    account: &Account,
    secrets: &Path,
    name: &str,
) -> Result<()> {
    let loaded = load(rows, account).await?;
    tell(
        secrets,
        name,
        loaded.credential.stored().unwrap_or_default(),
    )
}

async fn log_in(
    upgrades: &Upgrades,
    account: &Account,
    loaded: &Loaded,
    typed: Password,
    upgrades_it: bool,
) -> Result<()> {
    let upgraded = upgrades.check(account, loaded, typed).await?;
    let is_done = matches!(upgraded.upgrade, Upgrade::Done(_));
    let is_match = matches!(upgraded.checked, Checked::Match { .. });
    sure(is_match && is_done == upgrades_it, "a log-in went wrong")
}
