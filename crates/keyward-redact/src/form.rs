//! The forms in which a value may be written: the rows of `docs/formats/redact.md`.

mod encode;
mod entity;
mod escape;
mod json;
mod needles;
mod percent;
mod quote;
mod shell;

use keyward_base::SecretBytes;

pub(crate) use self::needles::Needles;

/// One form of one value: the bytes to look for.
pub(crate) struct Form {
    /// What is looked for.
    pub(crate) bytes: SecretBytes,
    /// Whether one line ending (CR, LF or CRLF) after any byte but the last is skipped.
    pub(crate) wrapped: bool,
}

/// A row of `docs/formats/redact.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FormKind {
    Raw,
    Json,
    JsonSolidus,
    JsonAscii,
    JsonHtml,
    RustDebug,
    PythonRepr,
    Doubled,
    ShellSingle,
    ShellDouble,
    ShellBackslash,
    ShellAnsi,
    Percent,
    PercentForm,
    Entities,
    Hex,
    Base64,
    Base64Url,
    Utf16,
}

impl FormKind {
    /// All of them, in the order of the page.
    pub(crate) const ALL: [Self; 19] = [
        Self::Raw,
        Self::Json,
        Self::JsonSolidus,
        Self::JsonAscii,
        Self::JsonHtml,
        Self::RustDebug,
        Self::PythonRepr,
        Self::Doubled,
        Self::ShellSingle,
        Self::ShellDouble,
        Self::ShellBackslash,
        Self::ShellAnsi,
        Self::Percent,
        Self::PercentForm,
        Self::Entities,
        Self::Hex,
        Self::Base64,
        Self::Base64Url,
        Self::Utf16,
    ];

    /// Its name on the page.
    #[cfg(test)]
    const fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Json => "json",
            Self::JsonSolidus => "json-solidus",
            Self::JsonAscii => "json-ascii",
            Self::JsonHtml => "json-html",
            Self::RustDebug => "rust-debug",
            Self::PythonRepr => "python-repr",
            Self::Doubled => "doubled",
            Self::ShellSingle => "shell-single",
            Self::ShellDouble => "shell-double",
            Self::ShellBackslash => "shell-backslash",
            Self::ShellAnsi => "shell-ansi",
            Self::Percent => "percent",
            Self::PercentForm => "percent-form",
            Self::Entities => "entities",
            Self::Hex => "hex",
            Self::Base64 => "base64",
            Self::Base64Url => "base64url",
            Self::Utf16 => "utf-16",
        }
    }

    /// Adds what `part` looks like in this form, which may be several needles.
    fn add(self, part: &[u8], to: &mut Needles) {
        match self {
            Self::Raw => to.add(SecretBytes::copy_of(part)),
            Self::Json => json::minimal(part, to),
            Self::JsonSolidus => json::solidus(part, to),
            Self::JsonAscii => json::ascii(part, to),
            Self::JsonHtml => json::html(part, to),
            Self::RustDebug => quote::rust_debug(part, to),
            Self::PythonRepr => quote::python_repr(part, to),
            Self::Doubled => quote::doubled(part, to),
            Self::ShellSingle => shell::single(part, to),
            Self::ShellDouble => shell::double(part, to),
            Self::ShellBackslash => shell::backslash(part, to),
            Self::ShellAnsi => shell::ansi(part, to),
            Self::Percent => percent::all(part, to),
            Self::PercentForm => percent::form(part, to),
            Self::Entities => entity::all(part, to),
            Self::Hex => encode::hex(part, to),
            Self::Base64 => encode::base64(part, to),
            Self::Base64Url => encode::base64url(part, to),
            Self::Utf16 => encode::utf16(part, to),
        }
    }

    /// Whether whole files are written so.
    const fn is_of_machines(self) -> bool {
        matches!(self, Self::Json | Self::JsonAscii) || self.is_encoding()
    }

    /// Whether it differs from the value for some value of letters, digits, `-`, `.` and `_` alone.
    const fn is_encoding(self) -> bool {
        matches!(
            self,
            Self::Raw | Self::Hex | Self::Base64 | Self::Base64Url | Self::Utf16
        )
    }
}

/// Adds every form of `part` to `to`, each once; or those alone that machines write.
pub(crate) fn add_forms(part: &[u8], all: bool, to: &mut Needles) {
    let plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    let plain = part.iter().all(plain);
    for kind in FormKind::ALL {
        if (all || kind.is_of_machines()) && (!plain || kind.is_encoding()) {
            kind.add(part, to);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{FormKind, Needles};
    use crate::policy::LEAST_LEN;

    #[test]
    fn every_form_is_a_row_of_the_page_in_this_order() {
        let page = include_str!("../../../docs/formats/redact.md");
        let rows = page.lines().filter_map(|line| {
            let (name, _) = line.strip_prefix("| `")?.split_once("` |")?;
            FormKind::ALL.iter().find(|kind| kind.name() == name)
        });
        assert!(rows.eq(&FormKind::ALL));
    }

    /// Else a value of these characters alone would be without it.
    #[test]
    fn what_is_left_out_for_plain_values_would_be_the_value() {
        let part = b"abcxyzABCXYZ0189-._";
        for kind in FormKind::ALL.into_iter().filter(|kind| !kind.is_encoding()) {
            let mut needles = Needles::new(LEAST_LEN);
            kind.add(part, &mut needles);
            let mut forms = needles.into_forms().into_iter();
            assert!(forms.all(|form| form.bytes.expose() == part), "{kind:?}");
        }
    }
}
