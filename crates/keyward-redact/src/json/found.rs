//! Where secrets lie in a text that is there as a whole, and the masks that take their place.

use crate::engine::{Scan, SecretId};
use crate::masker::SLICE_LEN;
use crate::masker::style::{Style, named_masks};
use crate::name::Name;
use crate::redactor::Redactor;

/// Bytes of a text that are secret. Ordered by where it begins, then by which secret was registered
/// first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Found {
    pub(crate) start: usize,
    /// Which secret; of several that overlap the one that begins first.
    pub(crate) secret: SecretId,
    pub(crate) end: usize,
}

/// Finds secrets in whole texts, and says what their masks are.
pub(crate) struct Finder<'a> {
    pub(crate) redactor: &'a Redactor,
    pub(crate) style: Style,
}

impl Finder<'_> {
    /// What is secret in `text`, in order; what overlaps is one, what touches is two.
    pub(crate) fn find(&self, text: &[u8]) -> Vec<Found> {
        let mut scan = Scan::new();
        let mut found: Vec<Found> = Vec::new();
        let mut end = 0_usize;
        while end < text.len() {
            end = end.saturating_add(SLICE_LEN).min(text.len());
            let registry = self.redactor.settled();
            scan.find(&registry.engine, text.get(..end).unwrap_or_default());
            let decided = if end == text.len() {
                end
            } else {
                scan.least_held(&registry.engine, end)
            };
            let merger = registry.engine.merger();
            drop(registry);
            if let Some(merger) = merger {
                self.redactor.build(merger);
            }
            for hit in scan.hits().iter().filter(|hit| hit.start < decided) {
                match found.last_mut().filter(|last| hit.start < last.end) {
                    Some(last) => last.end = last.end.max(hit.end),
                    None => found.push(Found {
                        start: hit.start,
                        secret: hit.secret,
                        end: hit.end,
                    }),
                }
            }
            scan.release(decided);
        }
        if let (Style::Tagged(tag), false) = (&self.style, found.is_empty()) {
            let masks = self.masks(text, tag);
            let inside = |(start, end): &(usize, usize), found: &Found| {
                *start <= found.start && found.end <= *end
            };
            let mut masks = masks.iter().peekable();
            found.retain(|found| {
                while masks.next_if(|(_, end)| *end <= found.start).is_some() {}
                !masks.peek().is_some_and(|mask| inside(mask, found))
            });
        }
        found
    }

    /// Where the masks of this conversation lie in `text`, with the names of secrets that are known:
    /// such a name may hold what is another secret.
    fn masks(&self, text: &[u8], tag: &str) -> Vec<(usize, usize)> {
        let registry = self.redactor.read();
        let known = |name: &str| Name::new(name).is_ok_and(|name| registry.knows_name(&name));
        named_masks(text, tag)
            .filter(|mask| known(mask.name))
            .map(|mask| (mask.start, mask.end))
            .collect()
    }

    /// What stands for this secret.
    pub(crate) fn mask(&self, secret: SecretId) -> String {
        self.style.mask(self.redactor.read().name(secret))
    }

    /// `text` with a mask in each of these places.
    pub(crate) fn masked(&self, text: &[u8], places: &[Found]) -> Vec<u8> {
        let mut out = Vec::with_capacity(text.len());
        let mut at = 0;
        for place in places {
            out.extend_from_slice(text.get(at..place.start).unwrap_or_default());
            out.extend_from_slice(self.mask(place.secret).as_bytes());
            at = place.end;
        }
        out.extend_from_slice(text.get(at..).unwrap_or_default());
        out
    }
}

/// Sorts `places` and merges those that overlap. What touches stays two.
pub(crate) fn merge(places: &mut Vec<Found>) {
    places.sort_unstable();
    places.dedup_by(|later, earlier| {
        let overlaps = later.start < earlier.end;
        if overlaps {
            earlier.end = earlier.end.max(later.end);
        }
        overlaps
    });
}
