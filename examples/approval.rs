//! Asks before it acts: it waits until somebody approved or denied that, and runs what was approved, once.
//!
//! `approval TARGET`, where `policy.toml` is, on a home that keeps the record (`keyward audit init`).
#![allow(clippy::print_stdout)] // An example shows what it does.

use std::sync::Arc;
use std::time::Duration;

use keyward::approval::executor::{Effect, Job, OnceBy, Target};
use keyward::approval::{
    ActionBuilder, Asking, Catalogue, Executor, ExecutorName, FileClaims, Gates, Policy, Requester,
    ServiceName, Shape, Step,
};
use keyward::base::{BoxFuture, Door, Subject};
use keyward::embedded::Home;
use keyward::{Error, Result, Tenant};

/// What is dangerous is done here, and nowhere else.
#[derive(Debug)]
struct Servers;

impl Target for Servers {
    // It keeps no key: of a try that is cut off, a person says what became of it.
    fn once(&self, _: &Step) -> OnceBy {
        OnceBy::Nothing
    }

    fn run<'a>(&'a self, job: &'a Job<'a>) -> BoxFuture<'a, Effect> {
        println!("deleting {}", job.step().target().escape_debug());
        Box::pin(async { Effect::Done("it is gone".into()) })
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let usage = || Error::misuse("name what is to be deleted: approval TARGET");
    let target = std::env::args().nth(1).ok_or_else(usage)?;
    let no_policy = |e| Error::misuse("policy.toml cannot be read").with_source(e);
    let policy = std::fs::read_to_string("policy.toml").map_err(no_policy)?;

    // Gates keep what is asked until it is decided. `users` would be the door of the service's log-in.
    let home = Home::open_default("worker-1").await?;
    let ring = home.keyring().clone();
    let policy = Policy::parse(ring.provider(), &policy)?;
    let gates = Gates::builder(ring.clone(), home.audit()?.clone(), policy);
    let gates = gates
        .door(Door::new("users"))
        .install()
        .await?
        .build()
        .await?;

    // Ada asks. Who she is, the service says from what it verified.
    let (acme, worker) = (Tenant::new("acme")?, ExecutorName::new("worker")?);
    let catalogue = Catalogue::new().with(Shape::new("server.delete")?)?;
    let ada = Requester::person(Subject::new("ada")?);
    let action = ActionBuilder::new(acme.clone(), ServiceName::new("desk")?, worker.clone(), ada)
        .reason("nobody has used it since June")
        .step(catalogue.step("server.delete", &target)?)
        .build(&gates.policy(), ring.clock().now()?, ring.provider())?;
    let gate = gates.ask(Asking::new(action)).await?.gate();
    println!("asked {acme}: {gate}");

    // What was approved runs once. This folder remembers that; in production keep it off this disk.
    let anchor = FileClaims::open(home.anchor().with_extension("approvals"))?;
    let executor = Executor::builder(gates.clone(), worker, Arc::new(anchor), Arc::new(Servers));
    let executor = executor.build()?;
    loop {
        let _due = gates.tick(64).await?;
        let _ran = executor.tick(64).await?;
        let shown = gates.show(&acme, gate).await?;
        if shown.state().is_ended() {
            println!("{}", shown.state());
            return Ok(());
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
