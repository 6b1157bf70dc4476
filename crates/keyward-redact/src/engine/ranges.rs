//! What was found, and how it is merged.

/// Which secret: its place in the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct SecretId(pub(crate) u32);

/// A form of a secret that was found, at `start..end` of the text, or several that overlap: then
/// the secret is that of the one that begins first, and of those that begin together the one
/// registered first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Hit {
    pub(crate) start: usize,
    pub(crate) secret: SecretId,
    pub(crate) end: usize,
}

/// Sorts `hits` and merges those that overlap. Touching ones stay two.
pub(super) fn merge(hits: &mut Vec<Hit>) {
    hits.sort_unstable();
    hits.dedup_by(|later, earlier| {
        let overlaps = later.start < earlier.end;
        if overlaps {
            earlier.end = earlier.end.max(later.end);
        }
        overlaps
    });
}

/// Adds `hit`, to the last one if it begins in that.
pub(super) fn push_in_order(hits: &mut Vec<Hit>, hit: Hit) {
    match hits.last_mut() {
        Some(last) if last.start <= hit.start && hit.start < last.end => {
            last.end = last.end.max(hit.end);
            if last.start == hit.start {
                last.secret = last.secret.min(hit.secret);
            }
        }
        _ => hits.push(hit),
    }
}

/// Adds `hit` to hits that were found in the order of their ends, and merges it with those it
/// overlaps, which are the last.
pub(super) fn push_by_end(hits: &mut Vec<Hit>, hit: Hit) {
    let mut hit = hit;
    while let Some(last) = hits.last().filter(|last| hit.start < last.end) {
        hit.end = hit.end.max(last.end);
        (hit.start, hit.secret) = (hit.start, hit.secret).min((last.start, last.secret));
        hits.pop();
    }
    hits.push(hit);
}
