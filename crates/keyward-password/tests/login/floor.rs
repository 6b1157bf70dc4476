//! Where rows may take long, refusals wait, and hold nothing meanwhile.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use keyward_base::BoxFuture;
use keyward_password::{Floor, Timer, Tried};
use keyward_testkit::at_most;
use tokio::sync::oneshot;

use crate::world::{ANN, RIGHT, World, inside, quick, tried};

/// Is over at once.
#[derive(Debug)]
struct Over;

impl Timer for Over {
    fn after(&self, _: Duration) -> BoxFuture<'static, ()> {
        Box::pin(async {})
    }
}

pub(crate) fn floor() -> Floor {
    Floor::new(Arc::new(Over), Duration::from_secs(1))
}

/// Is over when the test says so.
#[derive(Debug, Default)]
struct Held(Mutex<Vec<(Duration, oneshot::Sender<()>)>>);

impl Timer for Held {
    fn after(&self, span: Duration) -> BoxFuture<'static, ()> {
        let (over, hears) = oneshot::channel();
        self.0.lock().unwrap().push((span, over));
        Box::pin(async { hears.await.unwrap() })
    }
}

#[tokio::test]
async fn refusals_wait_for_the_floor_and_hold_no_worker() {
    let world = World::within(quick(), 10_000).await;
    world.put_stored("ann", &world.hashed(RIGHT).await).await;
    let timer = Arc::new(Held::default());
    let floor = Floor::new(timer.clone(), Duration::from_secs(2));
    let throttle = world.throttle().await;
    let log_in = world.builder(&throttle).floor(floor).build().await.unwrap();
    for typed in [ANN, "unknown@example.com", "no address"] {
        let mut refused = Box::pin(tried(&log_in, typed, "wrong"));
        while world.audit.last().is_none() {
            assert!(at_most(1, refused.as_mut()).is_none());
            tokio::task::yield_now().await;
        }
        world.passwords.pool().settle();
        assert!(at_most(3, refused.as_mut()).is_none(), "{typed}");
        // Whoever is right does not wait, and finds all workers free.
        let load = world.passwords.load();
        assert_eq!((load.running, load.waiting), (0, 0));
        drop(inside(tried(&log_in, ANN, RIGHT).await));
        let (span, over) = timer.0.lock().unwrap().remove(0);
        assert_eq!(span, Duration::from_secs(2));
        over.send(()).unwrap();
        assert!(matches!(refused.await, Tried::Refused));
        timer.0.lock().unwrap().clear();
        drop(world.audit.take());
    }
}
