//! `keyward redact`: a filter.

mod json;

use std::fs::File;
use std::io::{self, IsTerminal as _, Read, Write};
use std::os::fd::AsFd as _;

use keyward_base::{Error, Result, SecretBytes};
use keyward_crypto::Provider;
use keyward_redact::{Name, Redactor};
use keyward_vault::{EnvSet, Loader};

use crate::args::RedactArgs;
use crate::input;
use crate::output;
use crate::patient::Patient;
use crate::secrets;

/// The longest file of secrets, in bytes.
const LONGEST: usize = 1 << 20;

/// Bytes that are read at once: what a pipe holds on Linux, pipe(7).
const PIECE: usize = 64 * 1024;

/// Masks standard input.
///
/// # Errors
/// `Misuse` for a file of secrets that cannot be read or understood, and for a terminal.
pub(crate) fn run(wanted: &RedactArgs, json: bool) -> Result<()> {
    if json && wanted.named {
        return Err(Error::misuse(
            "--named cannot stand beside --json: masks in JSON carry no name",
        ));
    }
    let redactor = known(wanted)?;
    let (from, to) = (piped()?, own_stdout()?);
    if json {
        return json::filter(&redactor, from, to);
    }
    let mut stream = redactor.stream(to);
    if wanted.named {
        stream = stream.named();
    }
    match copy(from, &mut stream) {
        Ok(()) => written(stream.finish().map(drop)),
        Err(stopped) => stopped.told(),
    }
}

/// The values of the file, as each loader reads it that understands it.
fn known(wanted: &RedactArgs) -> Result<Redactor> {
    let file = &wanted.secrets_file;
    if file.as_os_str() == "-" {
        return Err(Error::misuse(
            "--secrets-file names a file: standard input is what is masked",
        ));
    }
    let text = SecretBytes::read(input::reader(file)?, LONGEST)?;
    let policy = secrets::policy(&wanted.mask_anyway);
    let redactor = Redactor::with_policy(policy, |bytes| Provider::default().fill(bytes))?;
    let mut sets = Vec::new();
    if !says_nothing(text.expose()) {
        sets.push(EnvSet::parse(text.expose())?);
        let others = Loader::ALL.map(|loader| EnvSet::parse_as(text.expose(), loader));
        sets.extend(others.into_iter().flatten());
    }
    let (mut names, mut long, mut any) = (Vec::new(), Vec::new(), false);
    for var in sets.iter().flat_map(EnvSet::vars) {
        redactor.add(&Name::new(var.name())?, var.value().expose())?;
        names.push(var.name());
        any |= !var.value().is_empty();
        if secrets::is_long(var.value()) {
            long.push(var.name());
        }
    }
    secrets::check_anyway(&wanted.mask_anyway, &names)?;
    if !any {
        output::note("the file of secrets has no value: nothing is masked");
    }
    let elsewhere = "is shorter than 8 bytes as one loader reads it, and that is not masked";
    secrets::warn(&redactor, "", &long, Some(elsewhere));
    Ok(redactor)
}

/// Whether a dotenv file has empty lines and comments alone. There are no secrets then, and a filter
/// that refused it would end whatever writes into it.
fn says_nothing(text: &[u8]) -> bool {
    let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
    let mut lines = text.split(|b| matches!(b, b'\n' | b'\r'));
    lines.all(|line| matches!(line.trim_ascii_start(), [] | [b'#', ..]))
}

fn piped() -> Result<Patient> {
    let input = io::stdin();
    if input.is_terminal() {
        return Err(Error::misuse(
            "what is to be masked comes by standard input, not from a terminal: \
             pipe it in, as in `command 2>&1 | keyward redact ...`",
        ));
    }
    let owned = input.as_fd().try_clone_to_owned();
    owned.map(File::from).map(Patient::new).map_err(|e| {
        Error::misuse("standard input is closed: pipe or redirect something into it").with_source(e)
    })
}

/// Standard output without the buffer of the standard library, which waits for a line to end.
fn own_stdout() -> Result<Patient> {
    let owned = io::stdout().as_fd().try_clone_to_owned();
    owned
        .map(File::from)
        .map(Patient::new)
        .map_err(|e| Error::unavailable("standard output cannot be written").with_source(e))
}

/// Why copying ended before its end.
enum Stopped {
    Reading(io::Error),
    Writing(io::Error),
}

impl Stopped {
    fn told(self) -> Result<()> {
        match self {
            Self::Reading(e) => {
                Err(Error::unavailable("standard input cannot be read to its end").with_source(e))
            }
            Self::Writing(e) => written(Err(e)),
        }
    }
}

/// Writes on after each read what cannot be the beginning of a secret.
fn copy(mut from: impl Read, to: &mut impl Write) -> std::result::Result<(), Stopped> {
    let mut piece = SecretBytes::new(vec![0; PIECE]);
    loop {
        let read = match from.read(piece.expose_mut()) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            read => read.map_err(Stopped::Reading)?,
        };
        match piece.expose().get(..read).unwrap_or_default() {
            [] => return Ok(()),
            taken => {
                let done = to.write_all(taken).and_then(|()| to.flush());
                done.map_err(Stopped::Writing)?;
            }
        }
    }
}

/// A reader that has gone away is no error.
fn written(done: io::Result<()>) -> Result<()> {
    match done {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::unavailable("standard output cannot be written").with_source(e))
        }
        _ => Ok(()),
    }
}
