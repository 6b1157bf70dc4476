//! Where secrets come in: standard input or a file, byte for byte, never an argument.

use std::fs::{File, Metadata};
use std::io::{self, IsTerminal, Read as _};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::Path;

use keyward_base::{Error, Result, SecretBytes};

/// Reads a secret of at most `limit` bytes from `file` or, without one (or for `-`), from
/// standard input.
///
/// # Errors
/// `Misuse` if standard input is a terminal, the file is missing or unreadable, or the secret is
/// empty or too long.
pub(crate) fn secret(file: Option<&Path>, trim: bool, limit: usize) -> Result<SecretBytes> {
    let mut read = match file.filter(|path| path.as_os_str() != "-") {
        Some(path) => SecretBytes::read(open(path)?, limit)?,
        None => SecretBytes::read(stdin("a secret")?, limit)?,
    };
    if trim {
        trim_newline(&mut read);
    }
    if read.is_empty() {
        if let Some(file) = file.filter(|path| path.as_os_str() != "-") {
            return Err(Error::misuse(format!(
                "the file {} is empty: write the secret into it",
                file.display()
            )));
        }
        return Err(Error::misuse(
            "the input is empty: pipe the secret in, as in `printf %s \"$TOKEN\" | keyward vault seal ...`",
        ));
    }
    Ok(read)
}

/// Reads what is no secret: a file of at most `limit` bytes, or for `-` standard input.
///
/// # Errors
/// `Misuse` if standard input is a terminal, the file is missing or unreadable, or it is too long.
pub(crate) fn bytes(file: &Path, limit: usize) -> Result<Vec<u8>> {
    let mut read = Vec::new();
    reader(file)?
        .take(u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1))
        .read_to_end(&mut read)
        .map_err(|e| {
            Error::unavailable(format!("{} cannot be read to its end", file.display()))
                .with_source(e)
        })?;
    if read.len() > limit {
        return Err(Error::misuse(format!(
            "{} has more than {limit} bytes, which is the most that is read here",
            file.display()
        )));
    }
    Ok(read)
}

/// A file to read from, or for `-` standard input.
///
/// # Errors
/// `Misuse` as [`bytes`].
pub(crate) fn reader(file: &Path) -> Result<File> {
    if file.as_os_str() == "-" {
        stdin("it")
    } else {
        open(file)
    }
}

/// Standard input, unless a person would have to type into it.
///
/// It is read without the standard library's buffer, which would keep a copy that nobody wipes.
///
/// # Errors
/// `Misuse` if it is a terminal (what is typed there is shown, and stays in the scroll-back), or
/// cannot be read. One that was closed reads as an empty one ([`is_null`]).
pub(crate) fn stdin(what: &str) -> Result<File> {
    let input = io::stdin();
    if input.is_terminal() {
        return Err(Error::misuse(format!(
            "{what} is read from standard input or a file, not typed at a terminal: \
             pipe it in, as in `printf %s \"$TOKEN\" | keyward ...`, or redirect a file"
        )));
    }
    input
        .as_fd()
        .try_clone_to_owned()
        .map(File::from)
        .map_err(|e| {
            Error::misuse("standard input is closed: pipe or redirect something into it")
                .with_source(e)
        })
}

/// Whether nothing can ever come from it: `/dev/null`, which is also what the standard library opens
/// in place of a standard input that is closed.
pub(crate) fn is_null(input: &File) -> bool {
    let device = |found: io::Result<Metadata>| {
        let found = found.ok()?;
        found.file_type().is_char_device().then(|| found.rdev())
    };
    let own = device(input.metadata());
    own.is_some() && own == device(std::fs::metadata("/dev/null"))
}

fn open(path: &Path) -> Result<File> {
    let shown = path.display();
    let unread = |e: io::Error| match e.kind() {
        io::ErrorKind::NotFound => {
            Error::misuse(format!("there is no file {shown}: name one that is there"))
        }
        kind => Error::misuse(format!(
            "{shown} cannot be read ({kind}): name a file you may read"
        )),
    };
    let file = File::open(path).map_err(unread)?;
    if file.metadata().map_err(unread)?.is_dir() {
        return Err(Error::misuse(format!(
            "{shown} is a folder: name the file in it"
        )));
    }
    Ok(file)
}

/// Takes off one final newline, `\n` or `\r\n`.
pub(crate) fn trim_newline(secret: &mut SecretBytes) {
    let kept = match secret.expose() {
        [kept @ .., b'\r', b'\n'] | [kept @ .., b'\n'] => kept.len(),
        all => all.len(),
    };
    secret.truncate(kept);
}
