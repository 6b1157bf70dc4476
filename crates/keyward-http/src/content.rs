//! The Content-Security-Policy, typed, so that a looser one is a line that can be found.
//!
//! Source: W3C *Content Security Policy Level 3*. Inline scripts and styles can
//! be allowed by the nonce of one response alone ([`crate::Nonce`]).

use std::collections::BTreeMap;

use http::HeaderValue;
use keyward_base::{Error, Result};

use crate::authority::Authority;
use crate::nonce::Nonce;

/// What may be loaded, or sent to, from a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Directive {
    /// `connect-src`: what a script may talk to.
    Connect,
    /// `font-src`.
    Font,
    /// `form-action`: where a form may be sent.
    Form,
    /// `img-src`.
    Image,
    /// `script-src`.
    Script,
    /// `style-src`.
    Style,
}

impl Directive {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect-src",
            Self::Font => "font-src",
            Self::Form => "form-action",
            Self::Image => "img-src",
            Self::Script => "script-src",
            Self::Style => "style-src",
        }
    }
}

/// Where something may come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source(String);

impl Source {
    /// The page's own origin.
    #[must_use]
    pub fn same_origin() -> Self {
        Self("'self'".to_owned())
    }

    /// One other origin, such as `https://cdn.example.com`.
    ///
    /// # Errors
    /// `Misuse` unless it is `https://`, a name and perhaps a port.
    pub fn origin(text: &str) -> Result<Self> {
        text.strip_prefix("https://")
            .and_then(Authority::parse)
            .map(|_| Self(text.to_owned()))
            .ok_or_else(|| {
                Error::misuse(
                    "a content source must be an https origin, such as https://cdn.example.com",
                )
            })
    }
}

/// The policy sent with every response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentPolicy(BTreeMap<Directive, Vec<Source>>);

impl ContentPolicy {
    /// Nothing but style sheets and images of this origin, forms to this origin; no script, no
    /// frame around the page, no `<base>`.
    #[must_use]
    pub fn strict() -> Self {
        let own = || vec![Source::same_origin()];
        Self(BTreeMap::from([
            (Directive::Form, own()),
            (Directive::Image, own()),
            (Directive::Style, own()),
        ]))
    }

    /// Allows one thing more.
    #[must_use]
    pub fn allow(mut self, directive: Directive, source: Source) -> Self {
        let sources = self.0.entry(directive).or_default();
        if !sources.contains(&source) {
            sources.push(source);
        }
        self
    }

    /// The same, and the one inline style sheet of which this is the SHA-256.
    #[cfg(feature = "approval")]
    pub(crate) fn with_style(self, sha256: &[u8; 32]) -> Self {
        let hash = keyward_base::encoding::base64(sha256);
        self.allow(Directive::Style, Source(format!("'sha256-{hash}'")))
    }

    /// The same, and inline scripts and styles that have the nonce.
    pub(crate) fn with_nonce(&self, nonce: &Nonce) -> HeaderValue {
        let source = Source(format!("'nonce-{nonce}'"));
        let own = self.clone().allow(Directive::Script, source.clone());
        own.allow(Directive::Style, source).header()
    }

    pub(crate) fn header(&self) -> HeaderValue {
        let mut text = String::from("default-src 'none'; base-uri 'none'; frame-ancestors 'none'");
        for (directive, sources) in &self.0 {
            text.push_str("; ");
            text.push_str(directive.as_str());
            for Source(source) in sources {
                text.push(' ');
                text.push_str(source);
            }
        }
        // Sources are visible ASCII by construction; if that were broken, nothing is allowed.
        HeaderValue::try_from(text)
            .unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'; sandbox"))
    }
}
