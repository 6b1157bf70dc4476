//! How far a long command is: on standard error, moving only where it is a terminal.

use std::cell::Cell;
use std::io::{IsTerminal, stderr};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output;

/// A progress display. Dropping it leaves nothing on the screen.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    words: &'static str,
    said: Cell<Option<(u64, u64)>>,
}

impl Progress {
    /// Counts `things` as they pass.
    pub(crate) fn count(things: &'static str) -> Self {
        Self::new(things, "{spinner} {human_pos} {msg}, {per_sec}")
    }

    /// Counts bytes as they pass.
    pub(crate) fn bytes(words: &'static str) -> Self {
        Self::new(words, "{spinner} {bytes} {msg}, {bytes_per_sec}")
    }

    /// Passes through a known number of `things`.
    pub(crate) fn share(things: &'static str) -> Self {
        Self::new(
            things,
            "{spinner} {wide_bar} {human_pos} of {human_len} {msg}, {eta} left",
        )
    }

    /// Waits until `words` is true of all.
    pub(crate) fn wait(words: &'static str) -> Self {
        Self::new(words, "{spinner} {pos} of {len} {msg} ({elapsed})")
    }

    fn new(words: &'static str, template: &str) -> Self {
        let target = if stderr().is_terminal() {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(None, target).with_message(words);
        // A template that does not parse costs the looks, not the command.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(100));
        Self {
            bar,
            words,
            said: Cell::new(None),
        }
    }

    /// What to call with the number of things seen.
    pub(crate) fn counter(&self) -> impl FnMut(u64) + Send + 'static {
        let bar = self.bar.clone();
        move |seen| bar.set_position(seen)
    }

    /// What to call with the number of things seen, and of all.
    pub(crate) fn sharer(&self) -> impl FnMut(u64, u64) + Send + 'static {
        let bar = self.bar.clone();
        move |seen, all| {
            bar.set_length(all.max(seen));
            bar.set_position(seen);
        }
    }

    /// `done` of `all`. Where nothing can move, it is said whenever it changes.
    pub(crate) fn of(&self, done: usize, all: usize) {
        let (done, all) = (as_u64(done), as_u64(all));
        self.bar.set_length(all);
        self.bar.set_position(done);
        if self.bar.is_hidden() && self.said.replace(Some((done, all))) != Some((done, all)) {
            output::note(&format!("waiting: {done} of {all} {}", self.words));
        }
    }

    /// Takes the display away.
    pub(crate) fn end(&self) {
        self.bar.finish_and_clear();
    }
}

fn as_u64(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.end();
    }
}
