//! What is secret, by name.

use std::collections::HashMap;

use keyward_base::SecretBytes;

use crate::engine::{Engine, SecretId};
use crate::form::forms;
use crate::name::Name;
use crate::value::parts;

/// The secrets and their needles.
pub(crate) struct Registry {
    pub(crate) engine: Engine,
    /// Changes whenever a needle is added.
    pub(crate) generation: u64,
    next: u32,
    by_name: HashMap<Name, Vec<SecretId>>,
    secrets: HashMap<SecretId, (Name, SecretBytes)>,
}

impl Registry {
    pub(crate) fn new(engine: Engine) -> Self {
        Self {
            engine,
            generation: 0,
            next: 0,
            by_name: HashMap::new(),
            secrets: HashMap::new(),
        }
    }

    /// Whether this very value is known by this name.
    pub(crate) fn knows(&self, name: &Name, value: &[u8]) -> bool {
        let ids = self.by_name.get(name).into_iter().flatten();
        let mut values = ids.filter_map(|id| self.secrets.get(id));
        values.any(|(_, known)| known.expose() == value)
    }

    pub(crate) fn add(&mut self, name: &Name, value: &[u8]) {
        let id = SecretId(self.next);
        self.next = self.next.saturating_add(1);
        for part in parts(value) {
            self.engine.insert(id, forms(part.expose()));
        }
        self.by_name.entry(name.clone()).or_default().push(id);
        let value = SecretBytes::copy_of(value);
        self.secrets.insert(id, (name.clone(), value));
        self.generation = self.generation.wrapping_add(1);
    }

    pub(crate) fn forget(&mut self, name: &Name) -> bool {
        let ids = self.by_name.remove(name).unwrap_or_default();
        for id in &ids {
            self.engine.remove(*id);
            self.secrets.remove(id);
        }
        !ids.is_empty()
    }

    pub(crate) fn name(&self, id: SecretId) -> Option<&Name> {
        self.secrets.get(&id).map(|(name, _)| name)
    }

    pub(crate) fn len(&self) -> usize {
        self.secrets.len()
    }
}
