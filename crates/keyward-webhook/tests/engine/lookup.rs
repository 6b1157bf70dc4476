//! Secrets that are looked up by tenant and endpoint.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use keyward_base::{BoxFuture, Error, ErrorKind, Reason, RecordId, Result, Tenant};
use keyward_webhook::{Endpoint, SecretSource, Secrets, reason};

use crate::kit::Kit;

#[derive(Debug, Default)]
struct Table {
    rows: HashMap<Endpoint, Arc<Secrets>>,
    asked: AtomicUsize,
    down: bool,
}

impl SecretSource for Table {
    fn secrets<'a>(&'a self, of: &'a Endpoint) -> BoxFuture<'a, Result<Option<Arc<Secrets>>>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            if self.down {
                return Err(Error::misuse("the table of secrets has no such column"));
            }
            Ok(self.rows.get(of).cloned())
        })
    }
}

fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("nothing here waits"),
    }
}

fn endpoint(tenant: &str, id: &str) -> Endpoint {
    Endpoint {
        tenant: Tenant::new(tenant).unwrap(),
        id: RecordId::new(id).unwrap(),
    }
}

#[test]
fn an_unknown_endpoint_reads_like_a_bad_signature() {
    for kit in Kit::all() {
        let request = kit.request();
        let mut table = Table::default();
        let mine = endpoint("acme", "hooks");
        let Kit { hook, secrets } = kit;
        table.rows.insert(mine.clone(), Arc::new(secrets));
        let map = request.map();
        let verify = |at: &Endpoint, body: &[u8]| {
            let received = hook.receive(&map, request.now()).unwrap();
            let secrets = now(received.look_up(&table, at)).unwrap();
            received
                .verify(&secrets, body)
                .map(|hook| hook.key().to_owned())
        };
        assert_eq!(verify(&mine, &request.body).unwrap(), "first");
        let strangers = [endpoint("acme", "other"), endpoint("globex", "hooks")];
        for at in strangers {
            let unknown = verify(&at, &request.body).unwrap_err();
            assert_eq!(unknown.kind(), ErrorKind::Rejected);
            assert_eq!(unknown.reason(), Some(reason::UNKNOWN_ENDPOINT));
            assert_eq!(
                unknown.to_string(),
                Error::rejected(Reason::NOT_AUTHENTIC).to_string()
            );
        }
        table.down = true;
        let received = hook.receive(&map, request.now()).unwrap();
        let down = now(received.look_up(&table, &mine)).unwrap_err();
        assert_eq!(
            down.kind(),
            ErrorKind::Unavailable,
            "whatever the source says"
        );
        assert_eq!(table.asked.load(Ordering::SeqCst), 4);
    }
}

/// What outlives the request says the same.
#[test]
fn owned() {
    for kit in Kit::all() {
        let request = kit.request();
        let map = request.map();
        let receive = || kit.hook.receive(&map, request.now()).unwrap();
        let owned = receive()
            .verify_owned(&kit.secrets, request.body.clone())
            .unwrap();
        let (owned, lent) = (
            owned.get(),
            receive().verify(&kit.secrets, &request.body).unwrap(),
        );
        assert_eq!(owned.body(), lent.body());
        assert_eq!(owned.provider(), kit.name());
        assert_eq!(
            (owned.key(), owned.delivery()),
            (lent.key(), lent.delivery())
        );
        assert_eq!(owned.signed_at(), lent.signed_at());
        assert_eq!(owned.received_at(), request.now());
        assert_eq!(owned.dedupe(), lent.dedupe());
        assert_eq!(owned.body_digest(), lent.body_digest());
        assert!(
            receive()
                .verify_owned(&kit.secrets, b"other".to_vec())
                .is_err()
                || kit.list().is_none()
        );
    }
}
