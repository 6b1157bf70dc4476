//! Where something stands in a JSON value.

use keyward_base::{Error, Result};

use crate::json::scan::{NotJson, Scanner, Token};
use crate::json::string::decode;

/// The most steps of a path.
pub(crate) const MAX_STEPS: usize = 16;

/// The longest path, in bytes.
pub(crate) const MAX_PATH_LEN: usize = 1024;

/// A place in a JSON value: keys of objects and indexes of arrays, with `/` between, as
/// `choices/*/delta/content`. `*` is any index, `~1` in a key is `/` and `~0` is `~` (as in RFC
/// 6901). The empty path is the value itself. At most 1,024 bytes and 16 steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Path(Vec<Step>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    /// The member of an object with this key, or the item of an array with this index.
    Named(String),
    /// Any item of an array.
    Any,
}

impl Path {
    pub(crate) fn new(text: &str) -> Result<Self> {
        if text.len() > MAX_PATH_LEN {
            return Err(Error::misuse("a path in JSON is at most 1,024 bytes long"));
        }
        if text.is_empty() {
            return Ok(Self(Vec::new()));
        }
        let steps = text.split('/').map(|step| match step {
            "*" => Step::Any,
            key => Step::Named(key.replace("~1", "/").replace("~0", "~")),
        });
        let steps: Vec<Step> = steps.collect();
        if steps.len() > MAX_STEPS {
            return Err(Error::misuse("a path in JSON has at most 16 steps"));
        }
        Ok(Self(steps))
    }

    /// Whether it is the value itself.
    pub(crate) const fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// How many of its steps are any index.
    pub(crate) fn wildcards(&self) -> usize {
        self.0.iter().filter(|step| **step == Step::Any).count()
    }
}

/// One step of where a value stands.
enum At {
    Member(Vec<u8>),
    /// How many items of the array have begun.
    Items(u64),
}

/// Reads tokens, and knows where they stand.
pub(crate) struct Walk<'a> {
    scanner: Scanner<'a>,
    text: &'a [u8],
    /// One for each open container, as far as a path may lead.
    steps: Vec<At>,
    depth: usize,
    /// The last token opened a container: whether it is an object.
    opened: Option<bool>,
}

impl<'a> Walk<'a> {
    pub(crate) const fn new(text: &'a str) -> Self {
        Self {
            scanner: Scanner::new(text),
            text: text.as_bytes(),
            steps: Vec::new(),
            depth: 0,
            opened: None,
        }
    }

    /// How many documents have ended so far.
    pub(crate) const fn documents(&self) -> usize {
        self.scanner.documents()
    }

    pub(crate) fn next(&mut self) -> Result<Option<Token>, NotJson> {
        if let Some(object) = self.opened.take() {
            self.depth = self.depth.saturating_add(1);
            if self.depth <= MAX_STEPS {
                self.steps.push(if object {
                    At::Member(Vec::new())
                } else {
                    At::Items(0)
                });
            }
        }
        let token = self.scanner.next()?;
        match token {
            Some(Token::Close { .. }) => {
                if self.depth <= MAX_STEPS {
                    self.steps.pop();
                }
                self.depth = self.depth.saturating_sub(1);
            }
            Some(Token::Key(key)) if self.depth <= MAX_STEPS => {
                let written = self.text.get(key.start..key.end).unwrap_or_default();
                if let Some(At::Member(name)) = self.steps.last_mut() {
                    *name = decode(written).expose().to_vec();
                }
            }
            Some(Token::Key(_)) | None => {}
            Some(value) => {
                if let (Some(At::Items(count)), true) =
                    (self.steps.last_mut(), self.depth <= MAX_STEPS)
                {
                    *count = count.saturating_add(1);
                }
                if let Token::Open { object } = value {
                    self.opened = Some(object);
                }
            }
        }
        Ok(token)
    }

    /// Whether the value that was read last stands there, or has what does in it: how many steps of
    /// the path lead to it.
    pub(crate) fn leads_to(&self, path: &Path) -> Option<usize> {
        let leading = path.0.get(..self.depth)?.to_vec();
        self.stands_at(&Path(leading)).map(|_| self.depth)
    }

    /// Whether the value that was read last stands there: the indexes that `*` stands for.
    pub(crate) fn stands_at(&self, path: &Path) -> Option<Vec<u64>> {
        if self.depth != path.0.len() {
            return None;
        }
        let mut indexes = Vec::new();
        for (step, at) in path.0.iter().zip(&self.steps) {
            match (step, at) {
                (Step::Named(key), At::Member(name)) if key.as_bytes() == name => {}
                (Step::Named(key), At::Items(count))
                    if *key == count.saturating_sub(1).to_string() => {}
                (Step::Any, At::Items(count)) => indexes.push(count.saturating_sub(1)),
                _ => return None,
            }
        }
        Some(indexes)
    }
}
