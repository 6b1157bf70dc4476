//! The text around the bytes of a key: two marks, and base64 between them.

use keyward_base::encoding::from_base64;
use keyward_base::{Error, Result, SecretBytes};

use super::wrong;

const BEGIN: &[u8] = b"-----BEGIN OPENSSH PRIVATE KEY-----";
const END: &[u8] = b"-----END OPENSSH PRIVATE KEY-----";

/// Characters of a line, as OpenSSH writes them.
const LINE: usize = 70;

/// The base64 of a key, without white space.
pub(super) struct Armour {
    encoded: SecretBytes,
    is_as_openssh_reads: bool,
}

/// Whether a file begins as those of OpenSSH's private keys do.
pub(super) fn begins(bytes: &[u8]) -> bool {
    bytes.trim_ascii_start().starts_with(BEGIN)
}

/// Finds the first key in a file.
pub(super) fn read(bytes: &[u8]) -> Result<Armour> {
    let begin = find(bytes, BEGIN).ok_or_else(|| other_format(bytes))?;
    let inside = bytes
        .get(begin.saturating_add(BEGIN.len())..)
        .unwrap_or_default();
    let end = find(inside, END).ok_or_else(|| wrong("its last line is missing"))?;
    let (inside, after) = inside.split_at_checked(end).unwrap_or_default();
    let after = after.get(END.len()..).unwrap_or_default();
    // OpenSSH stops at a NUL, as the strings of C do.
    let text = inside.split(|byte| *byte == 0).next().unwrap_or_default();
    let mut encoded = SecretBytes::new(Vec::with_capacity(text.len()));
    text.split(|byte| is_space(*byte))
        .for_each(|piece| encoded.push(piece));
    let is_as_openssh_reads = begin == 0
        && inside.starts_with(b"\n")
        && inside.ends_with(b"\n")
        && after.starts_with(b"\n")
        && !inside
            .iter()
            .any(|byte| *byte != b'\n' && (is_space(*byte) || *byte == 0));
    Ok(Armour {
        encoded,
        is_as_openssh_reads,
    })
}

impl Armour {
    /// The bytes of the key. A buffer that turns out to be none is wiped.
    pub(super) fn decode(&self) -> Result<SecretBytes> {
        let text = std::str::from_utf8(self.encoded.expose()).unwrap_or("?");
        from_base64(text).map_err(|_| wrong("it is not base64"))
    }

    /// The file as OpenSSH writes it, if it was not given so that OpenSSH reads it.
    pub(super) fn mended(&self) -> Option<SecretBytes> {
        if self.is_as_openssh_reads {
            return None;
        }
        let encoded = self.encoded.expose();
        let lines = encoded.chunks(LINE);
        let len = [BEGIN.len(), END.len(), encoded.len(), lines.len(), 2]
            .into_iter()
            .fold(0_usize, usize::saturating_add);
        let mut file = SecretBytes::new(Vec::with_capacity(len));
        for line in [BEGIN].into_iter().chain(lines).chain([END]) {
            file.push(line);
            file.push(b"\n");
        }
        Some(file)
    }
}

/// White space as C has it.
const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

fn find(bytes: &[u8], mark: &[u8]) -> Option<usize> {
    bytes.windows(mark.len()).position(|window| window == mark)
}

/// What to do about a file that holds no such key.
fn other_format(bytes: &[u8]) -> Error {
    let begins = |with: &[u8]| bytes.trim_ascii_start().starts_with(with);
    if begins(b"PuTTY-User-Key-File-") {
        return Error::misuse(
            "this is a key of PuTTY; convert it with: puttygen KEY.ppk -O private-openssh -o KEY",
        );
    }
    if [&b"ssh-"[..], b"ecdsa-", b"sk-", b"---- BEGIN SSH2 PUBLIC"]
        .into_iter()
        .any(begins)
    {
        return Error::misuse(
            "this is a public key, which is no secret; give the private one, the file without .pub",
        );
    }
    Error::misuse(
        "this is no private key in OpenSSH's format; convert another with: ssh-keygen -p -f FILE; for anything else use kind opaque",
    )
}
