//! The segments of a core dump: ELF, 64 bits, little-endian.

/// What a segment holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// The process's memory.
    Memory,
    /// Registers and other facts about its threads.
    Notes,
}

/// One segment.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Segment<'a> {
    /// What it holds.
    pub kind: Kind,
    /// Where it lay in the process.
    pub address: u64,
    /// Its bytes.
    pub bytes: &'a [u8],
}

/// Every segment of memory or notes in `core`; `None` if it is not such a file, or holds none.
#[must_use]
pub fn segments(core: &[u8]) -> Option<Vec<Segment<'_>>> {
    if !core.starts_with(b"\x7fELF\x02\x01") {
        return None;
    }
    let table = number(core, 32, 8)?;
    let (size, count) = (number(core, 54, 2)?, number(core, 56, 2)?);
    let mut found = Vec::new();
    for at in 0..count {
        let header = core.get(table + at * size..)?;
        let kind = match number(header, 0, 4)? {
            1 => Kind::Memory,
            4 => Kind::Notes,
            _ => continue,
        };
        let (start, len) = (number(header, 8, 8)?, number(header, 32, 8)?);
        found.push(Segment {
            kind,
            address: u64::try_from(number(header, 16, 8)?).ok()?,
            bytes: core.get(start..start.checked_add(len)?)?,
        });
    }
    let has = |kind| found.iter().any(|s| s.kind == kind && !s.bytes.is_empty());
    (has(Kind::Memory) && has(Kind::Notes)).then_some(found)
}

fn number(bytes: &[u8], at: usize, len: usize) -> Option<usize> {
    let field = bytes.get(at..at.checked_add(len)?)?;
    let number = field
        .iter()
        .rev()
        .fold(0, |n: u64, b| (n << 8) | u64::from(*b));
    usize::try_from(number).ok()
}
