//! Takes JSON (RFC 8259) apart into its tokens, and changes nothing.
//!
//! Several documents in a row are read too, each on lines of its own. Without recursion: how deep a
//! document is nested costs one byte for each level.

/// What stands in a text, as places in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// `{` or `[`.
    Open { object: bool },
    /// `}` or `]`.
    Close { object: bool },
    /// The name of a member.
    Key(Quoted),
    /// A string that is a value.
    Text(Quoted),
    /// A number.
    Number { start: usize, end: usize },
    /// `true`, `false` or `null`.
    Word { start: usize, end: usize },
}

/// What stands between two quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quoted {
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// Whether there is a backslash in it.
    pub(crate) escaped: bool,
}

/// The text is not JSON, or does not end as JSON does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotJson;

#[derive(Clone, Copy)]
enum Expected {
    Document,
    Value,
    ValueOrClose,
    Key,
    KeyOrClose,
    CommaOrClose,
}

/// Reads tokens one by one.
pub(crate) struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
    /// For each open container, whether it is an object.
    open: Vec<bool>,
    expected: Expected,
    documents: usize,
}

impl<'a> Scanner<'a> {
    pub(crate) const fn new(text: &'a str) -> Self {
        Self {
            text: text.as_bytes(),
            at: 0,
            open: Vec::new(),
            expected: Expected::Document,
            documents: 0,
        }
    }

    /// How many documents have ended so far.
    pub(crate) const fn documents(&self) -> usize {
        self.documents
    }

    /// The next token; `None` after the last one.
    pub(crate) fn next(&mut self) -> Result<Option<Token>, NotJson> {
        loop {
            let new_line = self.skip_white();
            let Some(byte) = self.peek() else {
                let ended = matches!(self.expected, Expected::Document) && self.documents > 0;
                return if ended { Ok(None) } else { Err(NotJson) };
            };
            let token = match (self.expected, byte) {
                (Expected::Document, _) if self.documents > 0 && !new_line => Err(NotJson),
                (Expected::KeyOrClose | Expected::ValueOrClose, b'}' | b']') => self.close(byte),
                (Expected::Document | Expected::Value | Expected::ValueOrClose, _) => {
                    self.value(byte)
                }
                (Expected::Key | Expected::KeyOrClose, _) => self.key(),
                (Expected::CommaOrClose, b',') => {
                    self.step();
                    self.expected = match self.open.last() {
                        Some(true) => Expected::Key,
                        _ => Expected::Value,
                    };
                    continue;
                }
                (Expected::CommaOrClose, _) => self.close(byte),
            };
            return token.map(Some);
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    const fn step(&mut self) {
        self.at = self.at.saturating_add(1);
    }

    /// Says whether a line ended.
    fn skip_white(&mut self) -> bool {
        let mut new_line = false;
        while let Some(byte @ (b' ' | b'\t' | b'\n' | b'\r')) = self.peek() {
            new_line |= matches!(byte, b'\n' | b'\r');
            self.step();
        }
        new_line
    }

    fn ended(&mut self) {
        self.expected = if self.open.is_empty() {
            self.documents = self.documents.saturating_add(1);
            Expected::Document
        } else {
            Expected::CommaOrClose
        };
    }

    fn close(&mut self, byte: u8) -> Result<Token, NotJson> {
        let object = self.open.pop().ok_or(NotJson)?;
        if byte != if object { b'}' } else { b']' } {
            return Err(NotJson);
        }
        self.step();
        self.ended();
        Ok(Token::Close { object })
    }

    fn key(&mut self) -> Result<Token, NotJson> {
        let key = self.quoted()?;
        self.skip_white();
        if self.peek() != Some(b':') {
            return Err(NotJson);
        }
        self.step();
        self.expected = Expected::Value;
        Ok(Token::Key(key))
    }

    fn value(&mut self, first: u8) -> Result<Token, NotJson> {
        let start = self.at;
        let token = match first {
            b'{' | b'[' => {
                let object = first == b'{';
                self.step();
                self.open.push(object);
                self.expected = if object {
                    Expected::KeyOrClose
                } else {
                    Expected::ValueOrClose
                };
                return Ok(Token::Open { object });
            }
            b'"' => Token::Text(self.quoted()?),
            b'-' | b'0'..=b'9' => {
                self.number()?;
                Token::Number {
                    start,
                    end: self.at,
                }
            }
            _ => {
                self.word()?;
                Token::Word {
                    start,
                    end: self.at,
                }
            }
        };
        self.ended();
        Ok(token)
    }

    fn word(&mut self) -> Result<(), NotJson> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let words: [&[u8]; 3] = [b"true", b"false", b"null"];
        let word = words.into_iter().find(|word| rest.starts_with(word));
        let len = word.ok_or(NotJson)?.len();
        self.at = self.at.saturating_add(len);
        Ok(())
    }

    /// `-`, digits without a leading zero, a fraction, an exponent.
    fn number(&mut self) -> Result<(), NotJson> {
        if self.peek() == Some(b'-') {
            self.step();
        }
        if self.peek() == Some(b'0') {
            self.step();
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.step();
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.step();
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.step();
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), NotJson> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.step();
        }
        if self.at == start {
            return Err(NotJson);
        }
        Ok(())
    }

    fn quoted(&mut self) -> Result<Quoted, NotJson> {
        if self.peek() != Some(b'"') {
            return Err(NotJson);
        }
        self.step();
        let start = self.at;
        let mut escaped = false;
        loop {
            match self.peek().ok_or(NotJson)? {
                b'"' => break,
                b'\\' => {
                    escaped = true;
                    self.step();
                    self.escape()?;
                }
                0..=0x1f => return Err(NotJson),
                _ => self.step(),
            }
        }
        let end = self.at;
        self.step();
        Ok(Quoted {
            start,
            end,
            escaped,
        })
    }

    fn escape(&mut self) -> Result<(), NotJson> {
        let kind = self.peek().ok_or(NotJson)?;
        self.step();
        match kind {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Ok(()),
            b'u' => {
                for _ in 0..4 {
                    if !self.peek().ok_or(NotJson)?.is_ascii_hexdigit() {
                        return Err(NotJson);
                    }
                    self.step();
                }
                Ok(())
            }
            _ => Err(NotJson),
        }
    }
}
