//! Where it listens and where its files are: two variables, both with a default.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use keyward_base::{Error, Result};

/// What the environment says.
#[derive(Debug)]
pub(crate) struct Settings {
    /// `DEPLOYDESK_ADDR`, by default `127.0.0.1:8080`. Loopback only.
    pub(crate) addr: SocketAddr,
    /// `DEPLOYDESK_DATA`, by default `deploydesk-data` in the current folder.
    pub(crate) data: PathBuf,
}

impl Settings {
    /// Reads both variables through `read`.
    pub(crate) fn read(read: impl Fn(&str) -> Option<OsString>) -> Result<Self> {
        let addr = read("DEPLOYDESK_ADDR").unwrap_or_else(|| "127.0.0.1:8080".into());
        let addr: Option<SocketAddr> = addr.to_str().and_then(|addr| addr.parse().ok());
        let addr = addr.ok_or_else(|| {
            Error::misuse("DEPLOYDESK_ADDR must be an address and a port, such as 127.0.0.1:8080")
        })?;
        if !addr.ip().is_loopback() {
            return Err(Error::misuse(
                "DEPLOYDESK_ADDR must be a loopback address, such as 127.0.0.1:8080: \
                 deploydesk has no log-in yet, so it serves this machine only",
            ));
        }
        let data = read("DEPLOYDESK_DATA").filter(|data| !data.is_empty());
        Ok(Self {
            addr,
            data: data.map_or_else(|| PathBuf::from("deploydesk-data"), PathBuf::from),
        })
    }
}
