//! What is secret, and the ways in.

use std::fmt;
use std::io::Write;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use keyward_base::{OpenObserver, OpenedSecret, Result};

use crate::engine::Engine;
use crate::masker::Masker;
use crate::name::Name;
use crate::policy::{LEAST_LEN, Policy};
use crate::registry::Registry;
use crate::stream::Stream;

/// Knows the secrets of a process, and masks them wherever they are written. Cheap to clone: all
/// clones know the same.
#[derive(Clone)]
pub struct Redactor(Arc<Shared>);

struct Shared {
    policy: Policy,
    registry: RwLock<Registry>,
}

/// How much a redactor knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Secrets.
    pub secrets: usize,
    /// Forms of them that are looked for.
    pub needles: usize,
    /// Bytes of these forms.
    pub bytes: usize,
}

impl Redactor {
    /// One that knows nothing yet. `random` fills a buffer from the operating system's randomness;
    /// needles lie in memory under it.
    ///
    /// # Errors
    /// What `random` returns.
    pub fn new(random: impl FnOnce(&mut [u8]) -> Result<()>) -> Result<Self> {
        Self::with_policy(Policy::default(), random)
    }

    /// [`Redactor::new`] with limits of one's own.
    ///
    /// # Errors
    /// What `random` returns.
    pub fn with_policy(
        policy: Policy,
        random: impl FnOnce(&mut [u8]) -> Result<()>,
    ) -> Result<Self> {
        Ok(Self(Arc::new(Shared {
            policy,
            registry: RwLock::new(Registry::new(Engine::new(random)?)),
        })))
    }

    /// From now on `value` is masked, wherever it is written, what streams still hold back
    /// included. Under one name there may be several values.
    ///
    /// # Errors
    /// None yet.
    pub fn add(&self, name: &Name, value: &[u8]) -> Result<()> {
        if value.len() >= LEAST_LEN && !self.read().knows(name, value) {
            self.write().add(name, value);
        }
        Ok(())
    }

    /// Forgets all values of that name; says whether there were any.
    #[must_use = "false says that there is no secret of that name"]
    pub fn forget(&self, name: &Name) -> bool {
        self.write().forget(name)
    }

    /// A stream that masks, without I/O: bytes in, bytes out.
    #[must_use]
    pub fn masker(&self) -> Masker {
        Masker::new(self.clone())
    }

    /// A writer that masks, and writes to `to`.
    #[must_use]
    pub fn stream<W: Write>(&self, to: W) -> Stream<W> {
        Stream::new(self.masker(), to)
    }

    /// A whole text, masked.
    #[must_use]
    pub fn bytes(&self, text: &[u8]) -> Vec<u8> {
        let mut masker = self.masker();
        let mut out = Vec::with_capacity(text.len());
        masker.push(text, &mut out);
        masker.finish(&mut out);
        out
    }

    /// A whole text, masked.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        String::from_utf8_lossy(&self.bytes(text.as_bytes())).into_owned()
    }

    /// How much it knows.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let registry = self.read();
        let (needles, bytes) = registry.engine.size();
        Counts {
            secrets: registry.len(),
            needles,
            bytes,
        }
    }

    /// Its limits.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.0.policy
    }

    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Registry> {
        self.0
            .registry
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Registry> {
        self.0
            .registry
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// So that a vault tells it of what it opens.
impl OpenObserver for Redactor {
    fn opened(&self, secret: &OpenedSecret<'_>) -> Result<()> {
        self.add(&Name::of(secret), secret.value)
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.counts();
        write!(f, "Redactor({} secrets)", counts.secrets)
    }
}
