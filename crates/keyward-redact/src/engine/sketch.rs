//! How often each 8-byte gram occurs in all needles, never too low.

/// Tables are filled with one gram for every two counters.
const FIRST_LOG: u32 = 22;
const GROWTH_LOG: u32 = 3;

/// A counter that stands at this stays there.
const FULL: u8 = 15;

/// At how many places of all needles a gram may occur by which a needle is looked for. Each byte of
/// a text is compared at most twice as often, and one form of a secret shares most grams with some
/// of its other forms.
pub(super) const MOST: u8 = 8;

/// Counters of four bits, chosen by hash: two grams that share one are counted together. When a
/// table is half full a larger one is begun and the old one read beside it, so that no
/// registration pays for counting everything anew.
pub(super) struct Sketch {
    tables: Vec<Table>,
}

struct Table {
    /// Two counters in each byte. Zeroed memory that is never touched costs nothing.
    cells: Vec<u8>,
    log: u32,
    grams: usize,
}

impl Table {
    fn new(log: u32) -> Self {
        Self {
            cells: vec![0; 1_usize << log.saturating_sub(1)],
            log,
            grams: 0,
        }
    }

    fn place(&self, hash: u64) -> (usize, u32) {
        let counter = hash >> 64_u32.saturating_sub(self.log);
        let half = if counter & 1 == 0 { 0 } else { 4 };
        (usize::try_from(counter >> 1).unwrap_or(usize::MAX), half)
    }

    fn count(&self, hash: u64) -> u8 {
        let (at, half) = self.place(hash);
        self.cells.get(at).map_or(0, |cell| (cell >> half) & FULL)
    }

    fn change(&mut self, hash: u64, change: impl FnOnce(u8) -> u8) -> u8 {
        let (at, half) = self.place(hash);
        let Some(cell) = self.cells.get_mut(at) else {
            return FULL;
        };
        let old = (*cell >> half) & FULL;
        if old == FULL {
            return FULL;
        }
        let new = change(old) & FULL;
        *cell = (*cell & !(FULL << half)) | (new << half);
        new
    }
}

impl Sketch {
    pub(super) fn new() -> Self {
        Self {
            tables: vec![Table::new(FIRST_LOG)],
        }
    }

    /// Counts all of `hashes`, and says in which table, for [`Sketch::remove`]. Adds to `common`
    /// those that there are more than [`MOST`] of now.
    pub(super) fn add(&mut self, hashes: &[u64], common: &mut Vec<u64>) -> usize {
        let full = |table: &Table| table.grams > table.cells.len();
        if let Some(table) = self.tables.last().filter(|table| full(table)) {
            let log = table.log.saturating_add(GROWTH_LOG).min(34);
            self.tables.push(Table::new(log));
        }
        if let Some((table, older)) = self.tables.split_last_mut() {
            for hash in hashes {
                let count = table.change(*hash, |count| count.saturating_add(1));
                let counts = older.iter().map(|table| table.count(*hash));
                if counts.fold(count, u8::saturating_add) > MOST {
                    common.push(*hash);
                }
            }
            table.grams = table.grams.saturating_add(hashes.len());
        }
        self.tables.len().saturating_sub(1)
    }

    /// Takes back what was added.
    pub(super) fn remove(&mut self, hashes: &[u64], table: usize) {
        if let Some(table) = self.tables.get_mut(table) {
            for hash in hashes {
                table.change(*hash, |count| count.saturating_sub(1));
            }
            table.grams = table.grams.saturating_sub(hashes.len());
        }
    }

    pub(super) fn count(&self, hash: u64) -> u8 {
        let counts = self.tables.iter().map(|table| table.count(hash));
        counts.fold(0, u8::saturating_add)
    }
}
