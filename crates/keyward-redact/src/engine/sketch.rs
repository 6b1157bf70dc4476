//! How often each 8-byte gram occurs in all needles, never too low.

/// Counters of the first table, as a power of two, and how many times larger the next is.
const FIRST_LOG: u32 = 22;
const GROWTH_LOG: u32 = 2;

/// Grams for each counter of a table that is full. So many are counted too much, on average.
const LOAD: usize = 2;

/// At how many places of all needles a gram may occur by which a needle is looked for. Each byte of
/// a text is compared at most twice as often, eight at a time.
pub(super) const MOST: u8 = 16;

/// Counters chosen by hash: two grams that share one are counted together. When a table is full a
/// larger one is begun and the old one read beside it, so that no
/// registration pays for counting everything anew.
pub(super) struct Sketch {
    tables: Vec<Table>,
}

struct Table {
    /// Zeroed memory that is never touched costs nothing.
    counters: Vec<u8>,
    log: u32,
    grams: usize,
}

impl Table {
    fn new(log: u32) -> Self {
        Self {
            counters: vec![0; 1_usize << log],
            log,
            grams: 0,
        }
    }

    fn place(&self, hash: u64) -> usize {
        usize::try_from(hash >> 64_u32.saturating_sub(self.log)).unwrap_or(usize::MAX)
    }

    fn count(&self, hash: u64) -> u8 {
        self.counters.get(self.place(hash)).copied().unwrap_or(0)
    }

    /// Changes a counter, unless it stands at its end: then it stays there.
    fn change(&mut self, hash: u64, change: impl FnOnce(u8) -> u8) -> u8 {
        let place = self.place(hash);
        let Some(counter) = self.counters.get_mut(place) else {
            return u8::MAX;
        };
        if *counter < u8::MAX {
            *counter = change(*counter);
        }
        *counter
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
        let full = |table: &Table| table.grams / LOAD > table.counters.len();
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
