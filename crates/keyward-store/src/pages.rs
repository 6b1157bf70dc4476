//! Walking through records, page by page.

use keyward_base::Result;

use crate::damaged::DamagedRow;
use crate::record::Record;
use crate::records::Records;
use crate::scan::{Outline, Place, Scan};

impl Scan {
    /// The pages of this scan of `store`, one after the other.
    pub fn pages(self, store: &dyn Records) -> Pages<'_> {
        Pages {
            store,
            scan: Some(self),
            damaged: Vec::new(),
        }
    }
}

/// Walks through a scan. Made by [`Scan::pages`].
#[derive(Debug)]
pub struct Pages<'a> {
    store: &'a dyn Records,
    scan: Option<Scan>,
    damaged: Vec<DamagedRow>,
}

impl Pages<'_> {
    /// The next records; none at the end, and an empty page only if there are no records at all.
    ///
    /// # Errors
    /// Those of [`Records::scan`].
    pub async fn next(&mut self) -> Result<Option<Vec<Record>>> {
        let Some(scan) = &self.scan else {
            return Ok(None);
        };
        let page = self.store.scan(scan.clone()).await?;
        self.passed_over(page.damaged);
        self.go_on(page.next);
        Ok(Some(page.items))
    }

    /// The same without the sealed text, but for its first `front` bytes.
    ///
    /// # Errors
    /// Those of [`Records::outline`].
    pub async fn next_outlines(&mut self, front: usize) -> Result<Option<Vec<Outline>>> {
        let Some(scan) = &self.scan else {
            return Ok(None);
        };
        let page = self.store.outline(scan.clone(), front).await?;
        self.passed_over(page.damaged);
        self.go_on(page.next);
        Ok(Some(page.items))
    }

    /// The rows that were passed over so far, since the store cannot give them: the first
    /// [`DamagedRow::MOST`] of them.
    #[must_use]
    pub fn damaged(&self) -> &[DamagedRow] {
        &self.damaged
    }

    fn passed_over(&mut self, rows: Vec<DamagedRow>) {
        let room = DamagedRow::MOST.saturating_sub(self.damaged.len());
        self.damaged.extend(rows.into_iter().take(room));
    }

    fn go_on(&mut self, next: Option<Place>) {
        self.scan = match (self.scan.take(), next) {
            (Some(scan), Some(next)) => Some(scan.after(Some(next))),
            _ => None,
        };
    }
}
