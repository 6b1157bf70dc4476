//! Test helpers of the keyward workspace. Not published; used from `tests/` only, since a unit
//! test that used it would see two copies of its own crate.
//!
//! ```
//! use keyward_testkit::{Needles, bit_flips};
//!
//! # fn main() -> keyward_base::Result<()> {
//! // No flipped bit of a record may pass.
//! assert_eq!(bit_flips(b"kw").count(), 16);
//!
//! // No piece of a secret may lie in a file, plain or encoded.
//! let mut needles = Needles::new();
//! needles.add("token", b"ghp_x8Zq31LkT0uVbN4pRc7wYd2Es9Gm5HfJ6aKo")?;
//! assert!(!needles.find(b"... x8Zq31LkT0uVbN4p ...").is_empty());
//! # Ok(()) }
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`audit`] | a sink that keeps its events, and can be made to fail |
//! | [`browser`] | Chromium, driven over its DevTools protocol |
//! | [`counted`] | a store in memory that counts its calls, and can be down |
//! | [`damage`] | every single-bit flip and every truncation of some bytes |
//! | [`forms`] | what the program in Python that makes forms of secrets is told |
//! | [`names`] | names under which a limit counts |
//! | [`needles`] | finds pieces of a secret, in several encodings, in bytes and files |
//! | [`processes`] | other processes that run a test of this program, and are killed |
//! | [`staged`] | a store on which a test decides what happens at each call |
//! | [`steps`] | a sink whose every event is a point at which a future can be dropped |
//! | [`strategies`] | proptest strategies for ids |
//! | [`tools`] | which programs and rights the run leaves out |
//! | [`vectors`] | reads vector files of `key: value` lines |

pub mod audit;
pub mod browser;
pub mod counted;
pub mod damage;
pub mod forms;
pub mod names;
pub mod needles;
pub mod processes;
pub mod staged;
pub mod steps;
pub mod strategies;
pub mod tools;
pub mod vectors;

pub use audit::RecordingAudit;
pub use browser::Browser;
pub use counted::Counted;
pub use damage::{bit_flips, truncations};
pub use forms::{awkward_values, known_to_python};
pub use names::TestNames;
pub use needles::{Finding, Form, Needles};
pub use processes::Other;
pub use staged::{Act, Answer, Call, Interrupt, Staged};
pub use steps::{SteppingSink, at_most};
pub use vectors::Vector;
