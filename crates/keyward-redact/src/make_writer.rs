//! What the formatter of `tracing-subscriber` writes, masked.
//!
//! ```
//! use keyward_redact::{Name, Redactor};
//! # use std::sync::{Arc, Mutex};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let random = |bytes: &mut [u8]| { bytes.fill(7); Ok(()) };
//! let redactor = Redactor::new(random)?;
//! redactor.add(&Name::new("GITHUB_TOKEN")?, b"ghp_x8Zq31LkT0uVbN4pRc7wYd2Es9Gm5HfJ6aKo")?;
//!
//! tracing_subscriber::fmt()
//!     .with_writer(redactor.make_writer(std::io::stderr))
//!     .init();
//! tracing::info!(token = "ghp_x8Zq31LkT0uVbN4pRc7wYd2Es9Gm5HfJ6aKo", "signed in"); // token="•••"
//! # Ok(()) }
//! ```
//!
//! A layer sees what the program told `tracing`, and cannot change what other layers see. So this
//! masks what the formatter writes, and nothing else: a layer that sends events elsewhere, to a
//! journal, a trace collector or an error tracker, needs masking of its own, where it writes text.

use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use keyward_base::SecretBytes;
use tracing_core::Metadata;
use tracing_subscriber::fmt::MakeWriter;

use crate::redactor::Redactor;

/// Gives the formatter a masking writer for each event.
///
/// What is written of one event is one stream: what spans two events is not found as one secret.
/// An event is written on in one piece when its writer is dropped, so that lines of several threads
/// do not mix.
pub struct MaskEvents<M> {
    redactor: Redactor,
    to: M,
    named: bool,
    lost: Arc<AtomicU64>,
}

impl<M> MaskEvents<M> {
    /// Masks carry the name of their secret.
    #[must_use]
    pub fn named(mut self) -> Self {
        self.named = true;
        self
    }

    /// How many events could not be written on. The formatter is not told: its event is written
    /// when it no longer looks.
    #[must_use]
    pub fn lost(&self) -> Lost {
        Lost(Arc::clone(&self.lost))
    }

    fn event<W: Write>(&self, to: W) -> EventWriter<W> {
        EventWriter {
            redactor: self.redactor.clone(),
            named: self.named,
            lost: Arc::clone(&self.lost),
            event: SecretBytes::new(Vec::new()),
            to,
        }
    }
}

impl<'a, M: MakeWriter<'a>> MakeWriter<'a> for MaskEvents<M> {
    type Writer = EventWriter<M::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        self.event(self.to.make_writer())
    }

    fn make_writer_for(&'a self, meta: &Metadata<'_>) -> Self::Writer {
        self.event(self.to.make_writer_for(meta))
    }
}

impl<M> fmt::Debug for MaskEvents<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MaskEvents({:?})", self.redactor)
    }
}

/// How many events could not be written on, for as long as the process lives.
#[derive(Clone, Debug)]
pub struct Lost(Arc<AtomicU64>);

impl Lost {
    /// The number.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Masks one event.
pub struct EventWriter<W: Write> {
    redactor: Redactor,
    named: bool,
    lost: Arc<AtomicU64>,
    event: SecretBytes,
    to: W,
}

impl<W: Write> Write for EventWriter<W> {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.event.push(piece);
        Ok(piece.len())
    }

    /// Nothing yet: the event is written when it is whole.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<W: Write> Drop for EventWriter<W> {
    fn drop(&mut self) {
        if self.event.is_empty() {
            return;
        }
        let mut masker = self.redactor.masker();
        if self.named {
            masker = masker.named();
        }
        let mut out = Vec::with_capacity(self.event.len());
        masker.push(self.event.expose(), &mut out);
        masker.finish(&mut out);
        if self
            .to
            .write_all(&out)
            .and_then(|()| self.to.flush())
            .is_err()
        {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl<W: Write> fmt::Debug for EventWriter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EventWriter({} bytes)", self.event.len())
    }
}

impl Redactor {
    /// For `tracing_subscriber::fmt().with_writer(…)`: writes each event masked to what `to` makes.
    #[must_use]
    pub fn make_writer<M>(&self, to: M) -> MaskEvents<M> {
        MaskEvents {
            redactor: self.clone(),
            to,
            named: false,
            lost: Arc::new(AtomicU64::new(0)),
        }
    }
}
