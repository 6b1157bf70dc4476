//! Tokens of strangers, and rows and epochs that somebody else wrote.

use std::sync::{Arc, LazyLock};

use keyward_base::encoding::{base64url, from_base64url};
use keyward_base::{
    Door, ErrorKind, Evidence, ManualClock, Method, Purpose, Subject, Tenant, Timestamp,
};
use keyward_crypto::Provider;
use keyward_keys::{EphemeralRoot, Keyring};
use keyward_session::format::{EpochShape, RowShape};
use keyward_session::{Kind, Sessions, Start};
use keyward_store::MemoryStore;
use tokio::runtime::{Builder, Runtime};

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
const USERS: Door = Door::new("users");

#[derive(Debug)]
struct Ada(Tenant, Subject);

impl Evidence for Ada {
    fn tenant(&self) -> &Tenant {
        &self.0
    }

    fn subject(&self) -> &Subject {
        &self.1
    }

    fn method(&self) -> Method {
        Method::PASSWORD
    }

    fn door(&self) -> Door {
        USERS
    }

    fn at(&self) -> Timestamp {
        NOW
    }

    fn is_factor_due(&self) -> bool {
        false
    }
}

/// Sessions of which one lives, and its token.
static WORLD: LazyLock<(Runtime, Sessions, String)> = LazyLock::new(|| {
    let runtime = Builder::new_current_thread().build().expect("a runtime");
    let (sessions, token) = runtime.block_on(async {
        let clock = Arc::new(ManualClock::new(NOW));
        let keys = Arc::new(MemoryStore::new(1_000));
        let root = Arc::new(EphemeralRoot::new(&Provider::default()).expect("a root"));
        let vault = Purpose::new("vault").expect("a purpose");
        let ring = Keyring::builder(keys, root).clock(clock);
        let ring = ring.create(&[vault], &[]).await.expect("a ring");
        let builder = Sessions::builder(ring, Arc::new(MemoryStore::new(1_000)));
        let builder = builder.opens(USERS, Kind::User).install().await;
        let sessions = builder.expect("the purpose").build().await;
        let sessions = sessions.expect("sessions");
        let ada = Ada(
            Tenant::new("acme").expect("a tenant"),
            Subject::new("ada").expect("a subject"),
        );
        let started = sessions.start(ada, Start::new()).await.expect("a session");
        (sessions, started.token().expose().to_owned())
    });
    (runtime, sessions, token)
});

fn refused(text: &str) {
    let (runtime, sessions, token) = &*WORLD;
    if text == token {
        return;
    }
    let checked = runtime.block_on(sessions.check_any(text));
    let error = checked.expect_err("nobody was given this token");
    assert_eq!(error.kind(), ErrorKind::Rejected, "{error:?}");
    assert_eq!(error.to_string(), "rejected");
}

/// The input as a token, and as what was changed in one that lives.
pub fn session_token(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        refused(text);
    }
    let token = &WORLD.2;
    let mut bytes = from_base64url(&token[4..]).expect("a token");
    for (byte, flip) in bytes.iter_mut().zip(data) {
        *byte ^= flip;
    }
    refused(&format!("kws_{}", base64url(&bytes)));
    let cut = data.len().min(token.len());
    refused(&token[..token.len() - cut]);
    refused(&format!("{token}{}", String::from_utf8_lossy(data)));
}

/// A row that is read writes itself back.
pub fn session_row(data: &[u8]) {
    match RowShape::parse(data) {
        Ok(row) => {
            assert_eq!(row.to_bytes(), data);
            assert!(row.created() <= row.idle() && row.idle() <= row.absolute());
        }
        Err(e) => assert!(matches!(
            e.kind(),
            ErrorKind::Corrupt | ErrorKind::Unavailable
        )),
    }
}

/// An epoch that is read writes itself back.
pub fn session_epoch(data: &[u8]) {
    match EpochShape::parse(data) {
        Ok(epoch) => assert_eq!(epoch.to_bytes(), data),
        Err(e) => assert!(matches!(
            e.kind(),
            ErrorKind::Corrupt | ErrorKind::Unavailable
        )),
    }
}
