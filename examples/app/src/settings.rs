//! Where it listens, where its files are, and what a deployment runs: variables, each with a
//! default.

use std::ffi::OsString;
use std::fs::File;
use std::io::Read as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use keyward_audit::alert::{AlertRule, MAX_LEN};
use keyward_axum::Proxies;
use keyward_axum::leak::PublishedKeys;
use keyward_base::{Error, ErrorKind, Result, SecretBytes, SystemClock};
use keyward_crypto::Provider;
use keyward_session::InternalSecrets;

use crate::deploy::LONGEST_RUN;
use crate::deploy::runner::Program;
use crate::origin::PublicOrigin;

/// More than a list of a scanner's keys has.
const MAX_LIST: usize = 64 * 1024;

/// What the environment says.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// `DEPLOYDESK_ADDR`, by default `127.0.0.1:8080`. Loopback only, unless the public origin is
    /// `https`.
    pub(crate) addr: SocketAddr,
    /// `DEPLOYDESK_PUBLIC_ORIGIN`, by default where it listens.
    pub(crate) origin: PublicOrigin,
    /// `DEPLOYDESK_TRUSTED_PROXIES`, by default none: networks whose `X-Forwarded-For` is believed, and
    /// `DEPLOYDESK_PROXY_HOPS`, by default 1: how many proxies there are, one after the other.
    pub(crate) proxies: Option<Proxies>,
    /// `DEPLOYDESK_CRON_SECRET`, by default none: what cron shows.
    pub(crate) cron: Option<InternalSecrets>,
    /// `DEPLOYDESK_SCANNER_KEYS`, by default none: whose reports of leaked keys are taken.
    pub(crate) scanner: Option<Scanner>,
    /// `DEPLOYDESK_DATA`, by default `deploydesk-data` in the current folder.
    pub(crate) data: PathBuf,
    /// `DEPLOYDESK_DEPLOY`, by default the program that comes with the service.
    pub(crate) deploy: Program,
    /// What is held until somebody approved it; unset, by the policy that is shipped.
    pub(crate) approvals: Option<PathBuf>,
    /// `DEPLOYDESK_DEPLOY_SECONDS`, by default 600.
    pub(crate) deploy_limit: Duration,
    /// What is looked for in the record: the rules in the file that `DEPLOYDESK_ALERTS` names, by
    /// default [`AlertRule::defaults`].
    pub(crate) alerts: Vec<AlertRule>,
}

/// The public keys that a scanner of secrets signs its reports with, and the file they come from.
#[derive(Clone, Debug)]
pub(crate) struct Scanner {
    path: PathBuf,
    pub(crate) keys: PublishedKeys,
}

impl Scanner {
    /// Reads the file anew. One that is none leaves the keys as they are.
    fn read(&self) -> Result<()> {
        let unread = |e| {
            let said = "DEPLOYDESK_SCANNER_KEYS names a file that cannot be read";
            Error::unavailable(said).with_source(e)
        };
        self.keys
            .replace(&bounded(&self.path, MAX_LIST).map_err(unread)?)
    }
}

impl Settings {
    /// Reads anew what changes while the service runs: a scanner's keys do.
    pub(crate) fn reread(&self) -> Result<()> {
        self.scanner.as_ref().map_or(Ok(()), Scanner::read)
    }

    /// Reads the variables through `read`.
    pub(crate) fn read(read: impl Fn(&str) -> Option<OsString>) -> Result<Self> {
        let addr = read("DEPLOYDESK_ADDR").unwrap_or_else(|| "127.0.0.1:8080".into());
        let addr: Option<SocketAddr> = addr.to_str().and_then(|addr| addr.parse().ok());
        let addr = addr.ok_or_else(|| {
            Error::misuse("DEPLOYDESK_ADDR must be an address and a port, such as 127.0.0.1:8080")
        })?;
        let origin = read("DEPLOYDESK_PUBLIC_ORIGIN").filter(|origin| !origin.is_empty());
        let origin = match origin {
            None => PublicOrigin::Listener,
            // What is not text is no origin.
            Some(origin) => PublicOrigin::parse(origin.to_str().unwrap_or_default())?,
        };
        if origin.is_loopback() && !addr.ip().is_loopback() {
            return Err(Error::misuse(
                "DEPLOYDESK_ADDR must be a loopback address, such as 127.0.0.1:8080: without \
                 encryption it serves this machine only. Behind a proxy that takes https off, set \
                 DEPLOYDESK_PUBLIC_ORIGIN=https://desk.example.com",
            ));
        }
        let data = read("DEPLOYDESK_DATA").filter(|data| !data.is_empty());
        let deploy = read("DEPLOYDESK_DEPLOY").filter(|path| !path.is_empty());
        let deploy = match deploy.map(PathBuf::from) {
            None => Program::BuiltIn,
            Some(path) if path.is_absolute() => Program::Configured(path),
            Some(_) => {
                return Err(Error::misuse(
                    "DEPLOYDESK_DEPLOY must be the whole path of a program, such as /srv/deploy",
                ));
            }
        };
        let approvals = read("DEPLOYDESK_APPROVALS").filter(|path| !path.is_empty());
        let alerts = read("DEPLOYDESK_ALERTS").filter(|path| !path.is_empty());
        let alerts = match alerts {
            None => AlertRule::defaults(),
            Some(path) => rules(Path::new(&path))?,
        };
        Ok(Self {
            alerts,
            approvals: approvals.map(PathBuf::from),
            deploy,
            deploy_limit: seconds(read("DEPLOYDESK_DEPLOY_SECONDS"))?,
            addr,
            origin,
            cron: cron(read("DEPLOYDESK_CRON_SECRET"))?,
            scanner: scanner(read("DEPLOYDESK_SCANNER_KEYS"))?,
            proxies: proxies(
                read("DEPLOYDESK_TRUSTED_PROXIES"),
                read("DEPLOYDESK_PROXY_HOPS"),
            )?,
            data: data.map_or_else(|| PathBuf::from("deploydesk-data"), PathBuf::from),
        })
    }
}

/// One secret or several, with ids and ends. Set and empty is a mistake, and no "not set".
fn cron(text: Option<OsString>) -> Result<Option<InternalSecrets>> {
    let Some(text) = text else {
        return Ok(None);
    };
    let text = SecretBytes::new(text.into_encoded_bytes());
    let clock = Arc::new(SystemClock::new());
    let secrets = InternalSecrets::parse(&text, &Provider::default(), clock);
    // What it says repeats nothing of the text.
    secrets.map(Some).map_err(|e| match e.kind() {
        ErrorKind::Misuse => Error::misuse(format!("DEPLOYDESK_CRON_SECRET: {e}")),
        _ => e,
    })
}

/// A file that has to be there, and to be a list of keys, at the start.
fn scanner(path: Option<OsString>) -> Result<Option<Scanner>> {
    let Some(path) = path.filter(|path| !path.is_empty()) else {
        return Ok(None);
    };
    let scanner = Scanner {
        path: PathBuf::from(path),
        keys: PublishedKeys::new(),
    };
    scanner.read().map_err(|e| {
        let said = "DEPLOYDESK_SCANNER_KEYS must be a file of the public keys of GitHub's secret \
                    scanning, as https://api.github.com/meta/public_keys/secret_scanning answers";
        Error::misuse(said).with_source(e)
    })?;
    Ok(Some(scanner))
}

/// The bytes of a file, and one more than `most` where there are more.
pub(crate) fn bounded(path: &Path, most: usize) -> std::io::Result<Vec<u8>> {
    let most = u64::try_from(most).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    let mut file = File::open(path)?.take(most.saturating_add(1));
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Networks, with commas between them, and how many proxies a request comes through, one after the
/// other.
fn proxies(text: Option<OsString>, hops: Option<OsString>) -> Result<Option<Proxies>> {
    let hops = hops.filter(|hops| !hops.is_empty());
    let wrong_hops = || {
        Error::misuse(
            "DEPLOYDESK_PROXY_HOPS must be 1 to 8, how many of DEPLOYDESK_TRUSTED_PROXIES a request \
             comes through, one after the other",
        )
    };
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return hops.map_or(Ok(None), |_| Err(wrong_hops()));
    };
    // What is not text is no network.
    let text = text.to_str().unwrap_or_default();
    let networks: Vec<_> = text.split(',').map(str::trim).collect();
    let proxies = Proxies::x_forwarded_for(&networks);
    let proxies = proxies.map_err(|e| {
        let said = "DEPLOYDESK_TRUSTED_PROXIES must be the networks of the proxies in front, with \
                    commas between them, such as 127.0.0.1 or 10.0.3.0/24,2001:db8:3::/64: 1 to 256, \
                    each of 8 bits or more";
        Error::misuse(said).with_source(e)
    })?;
    let Some(hops) = hops else {
        return Ok(Some(proxies));
    };
    let hops = hops.to_str().and_then(|hops| hops.parse().ok());
    let proxies = proxies.hops(hops.ok_or_else(wrong_hops)?);
    proxies.map(Some).map_err(|e| wrong_hops().with_source(e))
}

/// From a second to a day.
fn seconds(text: Option<OsString>) -> Result<Duration> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(LONGEST_RUN);
    };
    let seconds = text.to_str().and_then(|text| text.parse().ok());
    let seconds = seconds.filter(|seconds| (1..=86_400).contains(seconds));
    seconds.map(Duration::from_secs).ok_or_else(|| {
        Error::misuse("DEPLOYDESK_DEPLOY_SECONDS must be a number of seconds from 1 to 86400")
    })
}

/// The rules of a file.
fn rules(path: &Path) -> Result<Vec<AlertRule>> {
    let unread = |e| {
        let said = "DEPLOYDESK_ALERTS names a file that cannot be read";
        Error::misuse(said).with_source(e)
    };
    let bytes = bounded(path, MAX_LEN).map_err(unread)?;
    AlertRule::parse(&bytes)
}
