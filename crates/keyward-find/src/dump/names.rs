//! The words of a dump: what kind of file it is, and the names in its statements.

use keyward_base::{Error, Result};

/// Refuses what is no text dump, by its first bytes.
pub(super) fn check_is_text(first: &[u8]) -> Result<()> {
    const KINDS: [(&[u8], &str); 9] = [
        (
            b"PGDMP",
            "is in pg_dump's own format: `pg_restore -f - FILE` writes it as text",
        ),
        (
            b"SQLite format 3\0",
            "is a SQLite database: name the file with --db",
        ),
        (b"\x1f\x8b", "is compressed: `gzip -dc FILE` unpacks it"),
        (
            b"\x28\xb5\x2f\xfd",
            "is compressed: `zstd -dc FILE` unpacks it",
        ),
        (b"\xfd7zXZ\0", "is compressed: `xz -dc FILE` unpacks it"),
        (b"BZh", "is compressed: `bzip2 -dc FILE` unpacks it"),
        (
            b"\x04\x22\x4d\x18",
            "is compressed: `lz4 -dc FILE` unpacks it",
        ),
        (
            b"\xff\xfe",
            "is in UTF-16: `iconv -f UTF-16 -t UTF-8 FILE` turns it into UTF-8",
        ),
        (
            b"\xfe\xff",
            "is in UTF-16: `iconv -f UTF-16 -t UTF-8 FILE` turns it into UTF-8",
        ),
    ];
    let is_archive = first.get(257..262) == Some(b"ustar");
    let known = KINDS.iter().find(|(begin, _)| first.starts_with(begin));
    match known.map(|(_, said)| *said) {
        Some(said) => Err(Error::misuse(format!("the dump {said}"))),
        None if is_archive => Err(Error::misuse(
            "the dump is an archive: `pg_restore -f - FILE` writes it as text",
        )),
        None => Ok(()),
    }
}

/// Reads words and names from the beginning of a statement.
pub(super) struct Words<'a>(pub(super) &'a [u8]);

impl<'a> Words<'a> {
    fn blank(&mut self) {
        self.0 = self.0.trim_ascii_start();
    }

    /// Takes `byte`, if it comes next.
    pub(super) fn takes(&mut self, byte: u8) -> bool {
        self.blank();
        match self.0.split_first() {
            Some((first, rest)) if *first == byte => {
                self.0 = rest;
                true
            }
            _ => false,
        }
    }

    /// Takes `word`, in either case, if it comes next.
    pub(super) fn takes_word(&mut self, word: &str) -> bool {
        self.blank();
        let Some((first, rest)) = self.0.split_at_checked(word.len()) else {
            return false;
        };
        let ends = rest.first().is_none_or(|b| !is_of_a_name(*b));
        let same = ends && first.eq_ignore_ascii_case(word.as_bytes());
        if same {
            self.0 = rest;
        }
        same
    }

    /// One identifier: bare, or quoted with `"`, a backtick or brackets.
    pub(super) fn name(&mut self) -> Option<String> {
        self.blank();
        let (first, rest) = self.0.split_first()?;
        let quote = match first {
            b'"' | b'`' => *first,
            b'[' => b']',
            _ => {
                let len = self.0.iter().take_while(|b| is_of_a_name(**b)).count();
                let (name, rest) = self.0.split_at_checked(len).filter(|_| len > 0)?;
                self.0 = rest;
                return Some(String::from_utf8_lossy(name).into_owned());
            }
        };
        let mut name = Vec::new();
        let mut rest = rest;
        loop {
            let end = memchr::memchr(quote, rest)?;
            name.extend_from_slice(rest.get(..end)?);
            rest = rest.get(end.saturating_add(1)..)?;
            match rest.split_first() {
                // Written twice, it is one character of the name.
                Some((next, after)) if *next == quote => {
                    name.push(quote);
                    rest = after;
                }
                _ => break,
            }
        }
        self.0 = rest;
        Some(String::from_utf8_lossy(&name).into_owned())
    }

    /// A table, with its schema if that is given: `public.account`.
    pub(super) fn table(&mut self) -> Option<String> {
        let mut table = self.name()?;
        while self.takes(b'.') {
            table.push('.');
            table.push_str(&self.name()?);
        }
        Some(table)
    }

    /// A list of columns in parentheses, if it comes next.
    pub(super) fn columns(&mut self) -> Option<Vec<String>> {
        let mut ahead = Words(self.0);
        if !ahead.takes(b'(') {
            return None;
        }
        let mut columns = Vec::new();
        loop {
            columns.push(ahead.name()?);
            if ahead.takes(b')') {
                self.0 = ahead.0;
                return Some(columns);
            }
            if !ahead.takes(b',') {
                return None;
            }
        }
    }
}

const fn is_of_a_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || !byte.is_ascii()
}

/// The table that a whole `CREATE TABLE` makes, and its columns.
pub(super) fn created(statement: &[u8]) -> Option<(String, Vec<String>)> {
    /// What begins a line of the body and is no column.
    const OTHERS: [&str; 13] = [
        "PRIMARY",
        "KEY",
        "UNIQUE",
        "CONSTRAINT",
        "CHECK",
        "FOREIGN",
        "INDEX",
        "FULLTEXT",
        "SPATIAL",
        "EXCLUDE",
        "LIKE",
        "PERIOD",
        "VECTOR",
    ];
    let mut words = Words(statement);
    if !words.takes_word("CREATE") {
        return None;
    }
    for word in [
        "GLOBAL",
        "LOCAL",
        "OR",
        "REPLACE",
        "TEMP",
        "TEMPORARY",
        "UNLOGGED",
    ] {
        words.takes_word(word);
    }
    if !words.takes_word("TABLE") {
        return None;
    }
    if words.takes_word("IF") {
        words.takes_word("NOT");
        words.takes_word("EXISTS");
    }
    let table = words.table()?;
    if !words.takes(b'(') {
        return None;
    }
    let mut columns = Vec::new();
    loop {
        let is_other = OTHERS.iter().any(|word| Words(words.0).takes_word(word));
        let name = words.name()?;
        if !is_other {
            columns.push(name);
        }
        let mut row = super::row::Row::of_a_definition();
        let end = row.next_cell(words.0)?;
        words.0 = words.0.get(end..)?;
        if words.takes(b')') || !words.takes(b',') {
            return Some((table, columns));
        }
    }
}
