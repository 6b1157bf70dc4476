//! One value of any length, looked at through a window.

use std::io::Read;

use keyward_base::Result;

use crate::form::{LEAST, REACH};
use crate::matcher::Matcher;

/// Bytes read at a time.
const WINDOW: usize = 256 * 1024;

/// Counts the values in what `from` gives, in constant memory.
pub(crate) fn count(
    mut from: impl Read,
    matcher: &Matcher<'_>,
    failed: impl Fn(std::io::Error) -> keyward_base::Error,
) -> Result<u64> {
    let mut window = Vec::new();
    let mut count = 0_u64;
    loop {
        let room = u64::try_from(WINDOW).unwrap_or(u64::MAX);
        let read = from.by_ref().take(room).read_to_end(&mut window);
        let is_end = read.map_err(&failed)? == 0;
        let cut = if is_end { window.len() } else { cut(&window) };
        if window.len() >= LEAST {
            let counted = |at| {
                if at < cut {
                    count = count.saturating_add(1);
                }
            };
            matcher.each(&window, counted, |_| ());
        }
        if is_end {
            return Ok(count);
        }
        window.drain(..cut);
    }
}

/// Where a window may be cut: what begins before stands in it whole, and no run of backslashes is
/// cut, unless it is longer than any escape.
pub(crate) fn cut(window: &[u8]) -> usize {
    let mut cut = window.len().saturating_sub(REACH);
    let least = cut.saturating_sub(REACH);
    while cut > least && cut.checked_sub(1).and_then(|i| window.get(i)) == Some(&b'\\') {
        cut = cut.saturating_sub(1);
    }
    cut
}
