//! A sink that is bound to the logs after it was given away.

use keyward_audit::{LateSink, Of};
use keyward_base::{ErrorKind, Sink};

use crate::world::{World, event};

#[tokio::test]
async fn a_late_sink_fails_closed_until_it_is_bound_and_once_its_logs_are_gone() {
    let World { audit, folder, .. } = World::new().await;
    let sink = LateSink::new();
    let given = sink.clone();
    let refuses = async || {
        let recorded = given.record(&event(&Of::Service, 1)).await;
        assert_eq!(recorded.unwrap_err().kind(), ErrorKind::Unavailable);
        let told = given.open_intents().await.unwrap_err();
        assert_eq!(told.kind(), ErrorKind::Unavailable);
    };
    refuses().await;
    sink.bind(&audit).unwrap();
    for bound in [
        sink.bind(&audit),
        sink.bind_to(std::sync::Arc::new(given.clone())),
    ] {
        assert_eq!(bound.unwrap_err().kind(), ErrorKind::Misuse);
    }
    given.record(&event(&Of::Service, 1)).await.unwrap();
    assert!(given.open_intents().await.unwrap().is_empty());
    assert_eq!(audit.head(&Of::Service).await.unwrap().unwrap().size(), 1);
    // It does not hold them: they hold the keyring that has it.
    drop((audit, folder));
    refuses().await;
}
