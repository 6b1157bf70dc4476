//! Rate limits: so many requests in any span, shared by all processes that have one store.
//!
//! A [`Limit`] says how many, a [`Whom`] for whom they are counted, and a [`Limiter`] counts them, in
//! one step with every other limit that is asked at once. There is nothing to ask first and count
//! afterwards: of any number of requests at once no more are admitted than the limit says.
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use keyward_base::{AddressPrefix, Result, SystemClock};
//! use keyward_store::MemoryStore;
//! use keyward_store::limit::{Asked, Limit, Limiter, Names, Whom};
//!
//! # #[derive(Debug)] struct ByKey;
//! # impl Names for ByKey {
//! #     fn names(&self, limit: &str, whom: &[u8]) -> Result<Vec<[u8; 32]>> {
//! #         let mut name = [0; 32];
//! #         for (n, b) in limit.bytes().chain(whom.iter().copied()).enumerate() {
//! #             name[n % 32] ^= b.wrapping_add(n as u8);
//! #         }
//! #         Ok(vec![name])
//! #     }
//! # }
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<()> {
//! # let names = Arc::new(ByKey);
//! // `names` is a keyed MAC: `keyward_keys::RingNames` of a purpose of the ring.
//! let sign_up = Limit::new("sign-up", 20, Duration::from_secs(3_600))?;
//! let store = Arc::new(MemoryStore::new(100_000));
//! let limiter = Limiter::builder(store, names, Arc::new(SystemClock::new()))
//!     .limit(&sign_up)
//!     .build()
//!     .await?;
//!
//! let client = AddressPrefix::of("192.0.2.7".parse().unwrap());
//! match limiter.ask(&[(&sign_up, Whom::address(client))]).await? {
//!     Asked::Admitted(admitted) => assert_eq!(admitted.standing()[0].left, 19),
//!     Asked::Refused(refused) => panic!("429, again {:?}", refused.retry_at()),
//! }
//! # Ok(()) }
//! ```
//!
//! | file | what it holds |
//! |---|---|
//! | `known.rs` | what this process knows to be over, so that a flood costs no call of the store |
//! | `limiter.rs` | the door |
//! | `names.rs` | under which names it is counted: keyed, so that the table tells nobody's address |
//! | `policy.rs` | a limit, and the knobs |
//! | `tally.rs` | a table that has no room for more counts on in rows made at the start |
//! | `whom.rs` | for whom a request is counted |

mod known;
mod limiter;
mod names;
mod policy;
mod tally;
mod whom;

pub use limiter::{Admitted, Asked, Limiter, LimiterBuilder, Refused, Standing};
pub use names::Names;
pub use policy::Limit;
pub use tally::{Tallied, Tally};
pub use whom::Whom;
