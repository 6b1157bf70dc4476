//! What a mask looks like.

use std::sync::Arc;

use memchr::memmem;

use crate::masker::{BLANK, MASK_CHAR};
use crate::name::Name;

/// What stands between a name and a tag. No name has it: its second character is not ASCII.
const BEFORE_TAG: &str = " ·";

/// Whether masks carry names, and what follows the name.
#[derive(Clone, Default)]
pub(crate) enum Style {
    /// `•••`
    #[default]
    Blank,
    /// `•acme account.github_token 42•`
    Named,
    /// `•acme account.github_token 42 ·k3v9qd2mzx7a4tfe•`
    Tagged(Arc<str>),
}

impl Style {
    /// What stands for the secret of this name.
    pub(crate) fn mask(&self, name: Option<&Name>) -> String {
        match (self, name) {
            (Self::Named, Some(name)) => format!("{MASK_CHAR}{name}{MASK_CHAR}"),
            (Self::Tagged(tag), Some(name)) => {
                format!("{MASK_CHAR}{name}{BEFORE_TAG}{tag}{MASK_CHAR}")
            }
            (Self::Blank, _) | (_, None) => BLANK.to_owned(),
        }
    }
}

/// A mask with a name and a tag, in a text.
pub(crate) struct NamedMask<'a> {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) name: &'a str,
    pub(crate) tag: &'a str,
}

/// The masks in `text` that carry a name and a tag, of whatever conversation, in order.
pub(crate) fn tagged_masks(text: &[u8]) -> impl Iterator<Item = NamedMask<'_>> {
    let mut from = 0_usize;
    std::iter::from_fn(move || {
        loop {
            let start = next_dot(text, from)?;
            let inside = start.saturating_add(MASK_CHAR.len_utf8());
            let last = next_dot(text, inside)?;
            let end = last.saturating_add(MASK_CHAR.len_utf8());
            let said = std::str::from_utf8(text.get(inside..last)?).ok();
            if let Some((name, tag)) = said.and_then(|said| said.rsplit_once(BEFORE_TAG)) {
                from = end;
                return Some(NamedMask {
                    start,
                    end,
                    name,
                    tag,
                });
            }
            // The second one may begin a mask.
            from = last;
        }
    })
}

/// The masks in `text` that carry this tag.
pub(crate) fn named_masks<'a>(text: &'a [u8], tag: &str) -> impl Iterator<Item = NamedMask<'a>> {
    tagged_masks(text).filter(move |mask| mask.tag == tag)
}

fn next_dot(text: &[u8], from: usize) -> Option<usize> {
    let dot = MASK_CHAR.encode_utf8(&mut [0; 4]).as_bytes().to_vec();
    let at = memmem::find(text.get(from..)?, &dot)?;
    Some(from.saturating_add(at))
}
