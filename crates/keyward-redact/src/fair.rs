//! A lock whose writers wait for those who read now, and hardly for who comes later: a reader that had
//! looked just before gets in once more. Among writers there is no order, nor between them and readers
//! that wait.
//!
//! That of the standard library wakes a writer that waits when the last reader has gone, and lets in
//! who comes first: a stream that is written without a pause is back before the writer has woken, and
//! again after its next piece.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Nobody panics under it but by a defect of this crate, and what it holds is whole then too: it is
/// never poisoned.
pub(crate) struct Fair<T> {
    held: RwLock<T>,
    /// A writer has the turn, and waits.
    waits: AtomicBool,
    turn: Mutex<()>,
}

impl<T> Fair<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self {
            held: RwLock::new(value),
            waits: AtomicBool::new(false),
            turn: Mutex::new(()),
        }
    }

    /// Not for who reads already: a writer in between would wait for him, and he for it.
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, T> {
        if self.waits.load(Ordering::Acquire) {
            drop(self.turn.lock().unwrap_or_else(PoisonError::into_inner));
        }
        self.held.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, T> {
        let turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        self.waits.store(true, Ordering::Release);
        let held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        self.waits.store(false, Ordering::Release);
        drop(turn);
        held
    }
}
