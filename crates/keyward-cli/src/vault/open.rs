//! `keyward vault open`: the bytes, nothing else.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use keyward_base::{Error, KeyId, Reason, Result, Role, SecretBytes};
use keyward_embedded::Home;
use keyward_vault::{Kind, Sealed, Slot};

use crate::home::HomeArgs;
use crate::{input, output};

/// More than the longest sealed value has characters.
const LIMIT: usize = 2 * 1024 * 1024;

/// Opens what is stored.
pub(super) async fn stored(
    slot: &Slot,
    role: &Role,
    out: Option<&Path>,
    home_args: &HomeArgs,
) -> Result<()> {
    let home = home_args.open().await?;
    let opened = match home.vault().open(slot, role).await {
        Err(e) if e.reason() == Some(keyward_keys::reason::DISABLED_KEY) => {
            let listed = home.vault().describe(slot).await?;
            return Err(match listed {
                Some(listed) => disabled(&home, listed.key, e).await?,
                None => e,
            });
        }
        opened => opened?,
    };
    hand_out(opened.bytes(), out)
}

/// Opens a value that `vault seal --stdout` wrote.
pub(super) async fn detached(
    slot: &Slot,
    role: &Role,
    kind: Kind,
    value: &Path,
    out: Option<&Path>,
    home_args: &HomeArgs,
) -> Result<()> {
    let read = input::secret(Some(value), false, LIMIT)?;
    let text = std::str::from_utf8(read.expose())
        .map_err(|_| Error::rejected(Reason::MALFORMED))?
        .trim();
    let home = home_args.open().await?;
    let value: Sealed = text.parse()?;
    let opened = home.vault().open_detached(slot, role, kind, &value);
    match opened.await {
        Err(e) if e.reason() == Some(keyward_keys::reason::DISABLED_KEY) => {
            Err(disabled(&home, value.key()?, e).await?)
        }
        opened => hand_out(&opened?, out),
    }
}

/// That the key of a value is disabled, with the command that enables it.
async fn disabled(home: &Home, key: KeyId, error: Error) -> Result<Error> {
    let found = home.keyring().admin().locate(key).await?;
    let ring_key = found.map_or(key, |found| found.wrapped_by);
    let said = format!(
        "the key it was sealed with is disabled: `keyward keys enable {ring_key}` takes that back"
    );
    Ok(Error::unavailable(said)
        .because(keyward_keys::reason::DISABLED_KEY)
        .with_source(error))
}

fn hand_out(secret: &SecretBytes, out: Option<&Path>) -> Result<()> {
    match out.filter(|path| path.as_os_str() != "-") {
        Some(path) => write_new(path, secret),
        None => output::put(secret.expose()),
    }
}

/// A new file of mode 0600, whatever the umask; never over another.
fn write_new(path: &Path, secret: &SecretBytes) -> Result<()> {
    let shown = path.display();
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(|e| match e.kind() {
            io::ErrorKind::AlreadyExists => Error::misuse(format!(
                "{shown} exists: name a new file, it is not overwritten"
            )),
            kind => Error::misuse(format!(
                "{shown} cannot be made ({kind}): name another file"
            )),
        })?;
    let written = file
        .set_permissions(std::fs::Permissions::from_mode(0o600))
        .and_then(|()| file.write_all(secret.expose()))
        .and_then(|()| file.sync_all());
    written.map_err(|e| {
        // A part of a key is worse than none.
        let _ = std::fs::remove_file(path);
        Error::unavailable(format!(
            "{shown} cannot be written: make room, and try again"
        ))
        .with_source(e)
    })
}
