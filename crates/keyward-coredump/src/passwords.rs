//! Passwords that are hashed, verified, turned away and dropped.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::channel;

use keyward_base::{Door, Error, Result, SecretBytes, Subject, SystemClock, Tenant};
use keyward_password::danger::hash_unjudged;
use keyward_password::pool::Need;
use keyward_password::{
    Account, Admission, Checked, NewHash, Password, Passwords, Policy, Row, reason,
};

/// Bytes of a salt that the test chooses, of a hash in one pass: the first block that such a hash
/// leaves comes from the password alone.
pub const ONE_PASS: (&str, u32) = ("c29tZSBzYWx0IG9mIDE2IQ", 8_192);

fn password(secrets: &Path, name: &str) -> Result<Password> {
    let file = std::fs::File::open(secrets.join(name))
        .map_err(|e| Error::unavailable("the test's own files cannot be read").with_source(e))?;
    Password::new(SecretBytes::read(file, 1024)?)
}

/// Hashes, verifies and turns away the passwords that lie in the files, and says in `hashed` what
/// was stored. The pool is at rest when it returns.
///
/// # Errors
/// Those of the calls, and `Misuse` if one of them does not do what it is here for.
pub fn used(secrets: &Path) -> Result<(Passwords, String)> {
    let clock = Arc::new(SystemClock::new());
    let admission = Admission::default().workers(1).waiting(2, 2);
    let policy = Policy::default().new_hashes(NewHash::argon2id(7_168, 5, 1)?);
    let passwords = Passwords::new(policy, admission, clock)?;
    let acme = Tenant::new("acme")?;
    let account = Account {
        door: Door::new("users"),
        tenant: acme.clone(),
        subject: Subject::new("ann")?,
    };
    let verify = |row: &str, name| {
        passwords
            .verify(&account, &Row::new(row), password(secrets, name)?)
            .wait()
    };
    let stored = hash_unjudged(&passwords, &acme, password(secrets, "hashed")?).wait()?;
    if !matches!(verify(&stored, "hashed")?, Checked::Match { .. })
        || !matches!(verify(&stored, "wrong")?, Checked::Mismatch)
    {
        return Err(Error::misuse("a verification went wrong"));
    }
    let (salt, memory) = ONE_PASS;
    let tag = "iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8";
    let once = format!("$argon2id$v=19$m={memory},t=1,p=1${salt}${tag}");
    if !matches!(verify(&once, "once")?, Checked::Mismatch) {
        return Err(Error::misuse("a verification went wrong"));
    }
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
    if turned_away.and_then(|e| e.reason()) != Some(reason::BUSY) {
        return Err(Error::misuse("nothing was turned away"));
    }
    let [waited, hung_up] = waiting;
    drop(hung_up);
    let _ = go.send(());
    running.wait()?;
    drop(waited.wait()?);
    passwords.pool().settle();
    Ok((passwords, stored))
}
