//! The fields of a form, whatever it was written in.

use keyward_base::SecretBytes;

/// The most fields a form may have.
const MAX_FIELDS: usize = 64;

/// Names and values. Both are wiped: what was pasted in the wrong place may be a name here.
pub(crate) struct Fields(Vec<(SecretBytes, SecretBytes)>);

impl Fields {
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds a field; none if it is one too many, if its name is not UTF-8, or if there is one of
    /// that name: two readers could take different ones.
    pub(crate) fn add(&mut self, name: SecretBytes, value: SecretBytes) -> Option<()> {
        std::str::from_utf8(name.expose()).ok()?;
        if self.0.len() == MAX_FIELDS || self.at(name.expose()).is_some() {
            return None;
        }
        self.0.push((name, value));
        Some(())
    }

    /// Takes a field out.
    pub(crate) fn take(&mut self, name: &str) -> Option<SecretBytes> {
        let at = self.at(name.as_bytes())?;
        Some(self.0.swap_remove(at).1)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.at(name.as_bytes()).is_some()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    fn at(&self, name: &[u8]) -> Option<usize> {
        self.0.iter().position(|(known, _)| known.expose() == name)
    }
}
