//! What a refused key costs.

use std::future::Future as _;
use std::pin::pin;
use std::task::{Context, Waker};

use allocation_counter::measure;
use keyward_base::encoding::from_base64url;
use keyward_base::{Error, Reason};

use crate::hostile::sealed;
use crate::world::World;

/// What was made up is refused before anything is allocated, or any store asked.
#[tokio::test(flavor = "current_thread")]
async fn a_forged_key_allocates_nothing_but_its_refusal() {
    let world = World::new().await;
    let issued = world.key().await;
    let text = issued.key().expose();
    let mut bytes = from_base64url(&text[4..91]).unwrap();
    bytes[40] ^= 1;
    // The error that says so is on the heap.
    let said = measure(|| drop(Error::rejected(Reason::NOT_AUTHENTIC)));
    for forged in [
        sealed("kwk_", &bytes),
        text[..96].to_owned(),
        "x".to_owned(),
    ] {
        let cost = measure(|| {
            let mut checked = pin!(world.keys.check(&forged, None));
            let mut context = Context::from_waker(Waker::noop());
            let done = checked.as_mut().poll(&mut context);
            assert!(matches!(done, std::task::Poll::Ready(Err(_))));
        });
        assert_eq!(cost.count_total, said.count_total, "{forged}");
        assert_eq!(cost.bytes_total, said.bytes_total, "{forged}");
    }
}
