//! What several tests need: a vault on given stores, and credentials of every kind.
// Tests: a panic is the report, and each test uses a part of it.
#![allow(clippy::unwrap_used, clippy::expect_used, dead_code)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use keyward_base::{ManualClock, OpenObserver, Purpose, Timestamp};
use keyward_crypto::Provider;
use keyward_keys::{EphemeralRoot, Keyring, KeyringBuilder, Root};
use keyward_store::{MemoryStore, Records};
use keyward_testkit::RecordingAudit;
use keyward_vault::Vault;

pub(crate) struct World {
    pub(crate) vault: Vault,
    pub(crate) audit: Arc<RecordingAudit>,
    pub(crate) clock: Arc<ManualClock>,
    root: Arc<dyn Root>,
    keys: Arc<dyn Records>,
    data: Arc<dyn Records>,
}

impl World {
    pub(crate) async fn in_memory() -> Self {
        Self::on(memory(), memory()).await
    }

    /// Keys in one store, data in another, a root that is gone with the process.
    pub(crate) async fn on(keys: Arc<dyn Records>, data: Arc<dyn Records>) -> Self {
        let root = Arc::new(EphemeralRoot::new(&Provider::default()).unwrap());
        Self::under(root, keys, data).await
    }

    pub(crate) async fn for_purpose(purpose: &str) -> Self {
        let root = Arc::new(EphemeralRoot::new(&Provider::default()).unwrap());
        Self::of(purpose, root, memory(), memory()).await
    }

    pub(crate) async fn under(
        root: Arc<dyn Root>,
        keys: Arc<dyn Records>,
        data: Arc<dyn Records>,
    ) -> Self {
        Self::of("vault", root, keys, data).await
    }

    async fn of(
        purpose: &str,
        root: Arc<dyn Root>,
        keys: Arc<dyn Records>,
        data: Arc<dyn Records>,
    ) -> Self {
        let purpose = Purpose::new(purpose).unwrap();
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_700_000_000_000)));
        let audit = Arc::new(RecordingAudit::new());
        let ring = Keyring::builder(Arc::clone(&keys), Arc::clone(&root))
            .clock(clock.clone())
            .create(std::slice::from_ref(&purpose), &[])
            .await
            .unwrap();
        let vault = Vault::builder(ring, Arc::clone(&data))
            .audit(audit.clone())
            .purpose(purpose)
            .build()
            .await
            .unwrap();
        Self {
            vault,
            audit,
            clock,
            root,
            keys,
            data,
        }
    }

    /// The keyring of another process.
    pub(crate) fn builder(&self) -> KeyringBuilder {
        Keyring::builder(Arc::clone(&self.keys), Arc::clone(&self.root)).clock(self.clock.clone())
    }

    /// The same vault in another process.
    pub(crate) async fn reopened(&self) -> Vault {
        self.reopened_on(Arc::clone(&self.keys)).await
    }

    /// The same vault in another process, that reaches its keys through `keys`.
    pub(crate) async fn reopened_on(&self, keys: Arc<dyn Records>) -> Vault {
        let ring = Keyring::builder(keys, Arc::clone(&self.root));
        let ring = ring.clock(self.clock.clone()).open().await.unwrap();
        self.vault_of(ring).await
    }

    /// The same vault in another process that goes on running, and holds a lease.
    pub(crate) async fn as_replica(&self, name: &str) -> Vault {
        let ring = Keyring::builder(Arc::clone(&self.keys), Arc::clone(&self.root));
        let ring = ring.clock(self.clock.clone()).replica(name);
        self.vault_of(ring.open().await.unwrap()).await
    }

    /// The same vault in another process, that tells `observers` of what it opens.
    pub(crate) async fn observed(&self, observers: &[Arc<dyn OpenObserver>]) -> Vault {
        let ring = self.builder().open().await.unwrap();
        let mut vault = Vault::builder(ring, Arc::clone(&self.data)).audit(self.audit.clone());
        for observer in observers {
            vault = vault.observer(Arc::clone(observer));
        }
        vault.build().await.unwrap()
    }

    async fn vault_of(&self, ring: Keyring) -> Vault {
        let vault = Vault::builder(ring, Arc::clone(&self.data));
        vault.audit(self.audit.clone()).build().await.unwrap()
    }
}

pub(crate) fn memory() -> Arc<dyn Records> {
    Arc::new(MemoryStore::new(50_000))
}

/// Runs `ssh-keygen`, and returns what it printed.
pub(crate) fn ssh_keygen(args: &[&str]) -> String {
    let output = Command::new("ssh-keygen")
        .args(args)
        .output()
        .expect("ssh-keygen is needed: install the package openssh-client");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ssh-keygen {args:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

/// A new private key, made by `ssh-keygen -t TYPE …`.
pub(crate) fn new_key(folder: &Path, name: &str, how: &[&str], passphrase: &str) -> PathBuf {
    let path = folder.join(name);
    let file = path.to_str().unwrap();
    let mut args = vec![
        "-q",
        "-C",
        "deploy@example.test",
        "-N",
        passphrase,
        "-f",
        file,
    ];
    args.extend_from_slice(how);
    ssh_keygen(&args);
    path
}

/// Whether `ssh-keygen -y` loads these bytes without a passphrase.
pub(crate) fn loads_in_openssh(folder: &Path, bytes: &[u8]) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    let path = folder.join("tried");
    std::fs::write(&path, bytes).unwrap();
    // It refuses a key that others may read.
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    let mut keygen = Command::new("ssh-keygen");
    let output = keygen.args(["-y", "-P", "", "-f"]).arg(&path).output();
    output
        .expect("ssh-keygen is needed: install the package openssh-client")
        .status
        .success()
}

/// The ciphers that this `ssh-keygen` encrypts keys with.
pub(crate) fn ssh_keygen_ciphers() -> Vec<String> {
    let output = Command::new("ssh").args(["-Q", "cipher"]).output();
    let output = output.expect("ssh is needed: install the package openssh-client");
    let names = String::from_utf8(output.stdout).unwrap();
    names.lines().map(str::to_owned).collect()
}
