//! What a mask looks like.

use std::sync::Arc;

use crate::masker::{BLANK, MASK_CHAR};
use crate::name::Name;

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
            (Self::Tagged(tag), Some(name)) => format!("{MASK_CHAR}{name} ·{tag}{MASK_CHAR}"),
            (Self::Blank, _) | (_, None) => BLANK.to_owned(),
        }
    }
}
