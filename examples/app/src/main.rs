//! Deploydesk: the reference service of keyward.
//!
//! A small service that keeps other people's secrets: SSH keys of servers, OAuth tokens of Git
//! hosts, environment variables. It holds no security code of its own; what it promises is a call
//! into a crate.
//!
//! | module | what it holds |
//! |---|---|
//! | [`settings`] | the environment variables |
//! | [`desk`] | the service: vault, keyring, record, inbox, doors |
//! | [`hooks`] | webhooks: their secrets, and what they do |
//! | [`deploy`] | deployments: a process for each, its output masked |
//! | [`routes`] | routes that can be listed |
//! | [`pages`] | what each address answers |
//! | [`logs`], [`filter`] | the record, read from its end; which entries are shown |
//! | [`verdict`] | whether the record is what was written |
//! | [`anomalies`] | what the alert rules reached |
//! | [`refused`] | what was refused of webhooks, counted |
//! | [`app`] | who is behind a request |
//! | [`organisation`], [`people`] | the organisations, and who belongs to each |
//! | [`letters`], [`mail`] | what people are told by mail, and where mail goes |
//! | [`client`] | what a browser calls itself |
//! | [`origin`] | where people reach the service |
//! | [`masks`] | what masks the values of each organisation |
//! | [`input`] | what a form sent |
//! | [`view`], [`accountview`], [`apikeyview`], [`approvalview`], [`auditview`], [`hookview`], [`deployview`], [`timeline`], [`section`] | what the pages show |
//! | [`log`] | lines for the operator |
//! | [`notice`] | what a page says once of what was just done |

mod accountview;
mod anomalies;
mod apikeyview;
mod app;
mod approvalview;
mod auditview;
mod client;
mod deploy;
mod deployview;
mod desk;
mod filter;
mod hooks;
mod hookview;
mod input;
mod letters;
mod log;
mod logs;
mod mail;
mod masks;
mod notice;
mod organisation;
mod origin;
mod pages;
mod people;
mod refused;
mod routes;
mod section;
mod settings;
mod timeline;
mod verdict;
mod view;

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use keyward_axum::serve::{Limits, Server};
use keyward_base::{Error, Result};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use desk::Desk;
use settings::Settings;

/// How long requests may take to end after the service was told to stop.
const GRACE: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() -> ExitCode {
    let done = match std::env::args_os().nth(1) {
        None => serve().await,
        Some(word) if word == "routes" => {
            pages::listed().iter().for_each(|line| announce(line));
            Ok(())
        }
        Some(_) => Err(Error::misuse(
            "deploydesk serves without a word, and lists its routes as `deploydesk routes`: what it \
             is to know stands in variables, such as DEPLOYDESK_ADDR",
        )),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::failure(&error);
            ExitCode::FAILURE
        }
    }
}

async fn serve() -> Result<()> {
    let settings = Settings::read(|name| std::env::var_os(name))?;
    // First the address: if it is taken, nothing is made.
    let listener = TcpListener::bind(settings.addr).await.map_err(|e| {
        Error::misuse(format!(
            "DEPLOYDESK_ADDR {} cannot be listened on: set another one, such as \
             DEPLOYDESK_ADDR=127.0.0.1:0 for any free port",
            settings.addr
        ))
        .with_source(e)
    })?;
    let address = listener.local_addr().map_err(cannot_listen)?;
    let base = settings.origin.base(address);
    let is_local = settings.origin.is_loopback();
    let proxies = settings.proxies.clone();
    let (desk, couriers) = Desk::open(settings, &base).await?;
    let desk = Arc::new(desk);
    let routes = pages::routes(Arc::clone(&desk))?;
    let executor = desk::Doing::executor(&desk)?;
    let (stop, stopping) = watch::channel(false);
    let ticking = tokio::spawn(desk::tick(Arc::clone(&desk), stopping.clone()));
    let working = tokio::spawn(desk::work(Arc::clone(&desk), stopping.clone()));
    let obeying = tokio::spawn(desk::obey(Arc::clone(&desk), executor, stopping.clone()));
    let posting = tokio::spawn(couriers.run());
    let mut limits = Limits::default().drain(GRACE);
    if !is_local && proxies.is_none() {
        // All come through a proxy that nobody named, and that keeps limits of its own.
        limits = limits.from_one(u32::MAX);
        log::line(
            "DEPLOYDESK_TRUSTED_PROXIES is not set: all who come through the proxy in front are one \
             client to the limits, and one of them can use up what there is for all",
        );
    }
    // Before anybody is told that it runs, and may tell it to stop.
    let asked_to_stop = asked_to_stop()?;
    announce(&format!("listening on http://{address}"));
    if let Some(token) = desk.first_link().await? {
        let link = format!("{base}/admin/first?token={token}");
        announce(&format!("the first administrator is made, once, at {link}"));
    }

    let mut told = stopping.clone();
    let server = Server::new(routes.into_router())
        .limits(limits)
        .proxies(proxies.unwrap_or_default());
    let server = tokio::spawn(server.run(listener, async move {
        let _ = told.wait_for(|stop| *stop).await;
    }));
    asked_to_stop.await;
    log::line("stopping");
    stop.send_replace(true);
    if let Ok(Err(error)) = server.await {
        log::failure(&cannot_listen(error));
    }
    // What they started is stopped, and that is on record, before the stores are left.
    let _ = tokio::time::timeout(GRACE, desk.stop_deployments()).await;
    let _ = ticking.await;
    let _ = tokio::time::timeout(GRACE, working).await;
    let _ = tokio::time::timeout(GRACE, obeying).await;
    posting.abort();
    desk.leave();
    Ok(())
}

fn cannot_listen(error: std::io::Error) -> Error {
    Error::unavailable("the listening socket failed").with_source(error)
}

/// A line on standard output, for people and for programs that start this one.
fn announce(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// Takes SIGINT and SIGTERM from now on. What it gives ends at the first of them.
fn asked_to_stop() -> Result<impl Future<Output = ()>> {
    let no_signals = |e| Error::unavailable("signals cannot be received").with_source(e);
    let mut interrupt = signal(SignalKind::interrupt()).map_err(no_signals)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(no_signals)?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
