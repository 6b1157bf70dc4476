//! An anchor in memory: the file has tests of its own.

use std::sync::Mutex;

use keyward_base::Result;
use keyward_keys::{Advance, Anchor, Pin, PinName, Standing};

#[derive(Debug, Default)]
pub(crate) struct Held(Mutex<Option<Pin>>);

impl Anchor for Held {
    fn load(&self, _: &PinName) -> Result<Option<Pin>> {
        Ok(*self.0.lock().unwrap())
    }

    fn advance(&self, _: &PinName, next: &Pin) -> Result<Advance> {
        let mut held = self.0.lock().unwrap();
        let answer = match *held {
            None => Advance::Pinned,
            Some(pin) => match pin.judge(next) {
                Standing::Newer | Standing::Same => Advance::Pinned,
                Standing::Older => Advance::Older(pin),
                Standing::Fork => Advance::Fork(pin),
                Standing::Foreign => Advance::Foreign(pin),
            },
        };
        if answer == Advance::Pinned {
            *held = Some(*next);
        }
        Ok(answer)
    }

    fn replace(&self, _: &PinName, _: Option<&Pin>, next: &Pin) -> Result<bool> {
        *self.0.lock().unwrap() = Some(*next);
        Ok(true)
    }

    fn describe(&self) -> String {
        "in memory".to_owned()
    }
}
