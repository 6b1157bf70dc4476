//! `keyward redact`: a filter.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, IsTerminal as _, Read as _, Write};
use std::os::fd::AsFd as _;

use keyward_base::{Error, Result, SecretBytes};
use keyward_redact::Redactor;
use keyward_vault::{EnvSet, Loader};

use crate::args::RedactArgs;
use crate::input;
use crate::secrets::Secrets;

/// The longest file of secrets, in bytes.
const LONGEST: usize = 1 << 20;

/// Bytes that are read at once: what a pipe holds on Linux, pipe(7).
const PIECE: usize = 64 * 1024;

/// Masks standard input.
///
/// # Errors
/// `Misuse` for a file of secrets that cannot be read or understood, and for a terminal.
pub(crate) fn run(wanted: &RedactArgs, _json: bool) -> Result<()> {
    let redactor = known(wanted)?;
    let from = piped()?;
    let to = own_stdout()?;
    filter(&redactor, wanted.named, from, to)
}

/// The values of the file, as each loader reads it that understands it.
fn known(wanted: &RedactArgs) -> Result<Redactor> {
    let file = &wanted.secrets_file;
    if file.as_os_str() == "-" {
        return Err(Error::misuse(
            "--secrets-file names a file: standard input is what is masked",
        ));
    }
    let text = input::secret(Some(file), false, LONGEST)?;
    let mut secrets = Secrets::new("", &wanted.mask_anyway)?;
    let first = EnvSet::parse(text.expose())?;
    let others = Loader::ALL.map(|loader| EnvSet::parse_as(text.expose(), loader));
    let mut seen = BTreeSet::new();
    for set in std::iter::once(&first).chain(others.iter().flatten()) {
        for var in set.vars() {
            if seen.insert((var.name(), var.value().expose())) {
                secrets.add("", var.name(), var.value().expose())?;
            }
        }
    }
    secrets.into_redactor()
}

fn piped() -> Result<File> {
    let input = io::stdin();
    if input.is_terminal() {
        return Err(Error::misuse(
            "what is to be masked comes by standard input, not from a terminal: \
             pipe it in, as in `command 2>&1 | keyward redact ...`",
        ));
    }
    let owned = input.as_fd().try_clone_to_owned();
    owned.map(File::from).map_err(|e| {
        Error::misuse("standard input is closed: pipe or redirect something into it").with_source(e)
    })
}

/// Standard output without the buffer of the standard library, which waits for a line to end.
fn own_stdout() -> Result<File> {
    let owned = io::stdout().as_fd().try_clone_to_owned();
    owned
        .map(File::from)
        .map_err(|e| Error::unavailable("standard output cannot be written").with_source(e))
}

/// Writes on after each read what cannot be the beginning of a secret.
fn filter(redactor: &Redactor, named: bool, mut from: File, to: File) -> Result<()> {
    let mut stream = redactor.stream(to);
    if named {
        stream = stream.named();
    }
    let mut piece = SecretBytes::new(vec![0; PIECE]);
    loop {
        let read = match from.read(piece.expose_mut()) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            read => read.map_err(|e| {
                Error::unavailable("standard input cannot be read to its end").with_source(e)
            })?,
        };
        let taken = piece.expose().get(..read).unwrap_or_default();
        let written = match taken {
            [] => return gone_is_done(stream.finish().map(drop)),
            taken => stream.write_all(taken).and_then(|()| stream.flush()),
        };
        if written.is_err() {
            return gone_is_done(written);
        }
    }
}

/// A reader that has gone away is no error.
fn gone_is_done(written: io::Result<()>) -> Result<()> {
    match written {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::unavailable("standard output cannot be written").with_source(e))
        }
        _ => Ok(()),
    }
}
