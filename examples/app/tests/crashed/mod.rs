//! A process that ends at any point of an approval, and two on one folder: nothing runs twice, nothing
//! that was approved is lost, and what nobody can know a person says.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use keyward_approval::executor::{Effect, Job, OnceBy, Target};
use keyward_approval::gate::Roles;
use keyward_approval::{
    ActionBuilder, Asking, Ballot, Catalogue, Executor, ExecutorName, FileClaims, GateId, Gates,
    Policy, Requester, ServiceName, Shape, Step, StepBuilder, Type,
};
use keyward_base::{
    BoxFuture, Clock as _, Door, Evidence, Method, Result, Role, Subject, SystemClock, Tenant,
    Timestamp,
};
use keyward_store::{Applied, Collection, Content, RecordKey, Records, Write};
use tempfile::TempDir;
use tokio::sync::Notify;

use super::service::approved::{ended, page_of};
use super::service::browser::{ANN, Ann, admin, ann, outbox};
use super::service::planted::{ADMINS, Past, USERS};
use super::service::{Service, keys_of, send, ssh_key, wait_until};
use super::{decide, delete, deletions, mel, with_server};

const CRON: &str = "g3DnPXBKbMmYjyT0UDzM7YBOvIvBnBZyrMlXHFvJd7A";
/// The shortest that an executor takes.
const LEASE: Duration = Duration::from_secs(1);

/// Somebody who is signed in.
#[derive(Debug)]
struct Yes(Tenant, Subject, Door);

impl Evidence for Yes {
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
        self.2
    }
    fn at(&self) -> Timestamp {
        SystemClock::new().now().unwrap()
    }
    fn is_factor_due(&self) -> bool {
        false
    }
}

/// Those that the service would find in its database.
#[derive(Debug)]
struct Both;

impl Roles for Both {
    fn roles<'a>(&'a self, _: &'a Tenant, _: &'a Subject) -> BoxFuture<'a, Result<Vec<Role>>> {
        Box::pin(async { Ok(vec![Role::new("owner")?, Role::new("administrator")?]) })
    }
}

/// Begins, and never ends. What it notes is that a deployment was begun, as the service would have.
#[derive(Debug)]
struct Cut {
    began: Arc<Notify>,
    notes: Option<Arc<dyn Records>>,
}

/// A deployment that was begun.
const NOTED: &str = "0123456789abcdef01234567";

impl Target for Cut {
    fn once(&self, step: &Step) -> OnceBy {
        match step.kind().as_str() {
            "key.rotate" => OnceBy::Nothing,
            _ => OnceBy::Key(Duration::from_secs(24 * 60 * 60)),
        }
    }

    fn run<'a>(&'a self, job: &'a Job<'a>) -> BoxFuture<'a, Effect> {
        Box::pin(async move {
            if let Some(store) = &self.notes {
                let key = RecordKey {
                    collection: Collection::named("deploydesk-begun"),
                    owner: job.tenant().as_str().to_owned(),
                    id: job.key(),
                };
                let content = Content {
                    data: NOTED.into(),
                    ..Content::default()
                };
                let write = vec![Write::Insert { key, content }];
                let done = store.apply(write).await.unwrap();
                assert!(matches!(done, Applied::Done(_)));
            }
            self.began.notify_one();
            std::future::pending().await
        })
    }
}

/// How far a process came before it ended.
#[derive(Clone, Copy, PartialEq)]
enum Until {
    Asked,
    Approved,
    Begun,
    Noted,
}

async fn gates(past: &Past) -> Gates {
    let ring = past.home.keyring().clone();
    let policy = include_str!("../../assets/approvals.toml");
    let policy = Policy::parse(ring.provider(), policy).unwrap();
    let gates = Gates::builder(ring, past.home.audit().unwrap().clone(), policy);
    let gates = gates.door(USERS).door(ADMINS).roles(Arc::new(Both));
    gates.install().await.unwrap().build().await.unwrap()
}

/// What a process did of one ask, on the folder of a service that does not run.
fn process(
    root: &Path,
    (tenant, who, door): (&str, &str, Door),
    step: impl FnOnce() -> Result<StepBuilder>,
    until: Until,
) -> GateId {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(async {
        let past = Past::of(root).await;
        let gates = gates(&past).await;
        let tenant = Tenant::new(tenant).unwrap();
        let desk = ExecutorName::new("desk").unwrap();
        let service = ServiceName::new("deploydesk").unwrap();
        let asker = Requester::person(Subject::new("somebody").unwrap());
        let action = ActionBuilder::new(tenant.clone(), service, desk.clone(), asker);
        let action = action.step(step().unwrap());
        let provider = past.home.keyring().provider();
        let asked = action.build(&gates.policy(), past.now, provider).unwrap();
        let id = gates.ask(Asking::new(asked)).await.unwrap().gate();
        if until != Until::Asked {
            let yes = Yes(tenant.clone(), Subject::new(who).unwrap(), door);
            gates
                .vote(&tenant, id, yes, Ballot::approve())
                .await
                .unwrap();
        }
        if matches!(until, Until::Begun | Until::Noted) {
            let began = Arc::new(Notify::new());
            let anchor = Arc::new(FileClaims::open(root.join("anchor.approvals")).unwrap());
            let notes: Arc<dyn Records> = past.home.data().clone();
            let target = Arc::new(Cut {
                began: Arc::clone(&began),
                notes: (until == Until::Noted).then_some(notes),
            });
            let executor = Executor::builder(gates.clone(), desk, anchor, target).lease(LEASE);
            let executor = executor.build().unwrap();
            let approved = gates.approved(&tenant, id).await.unwrap();
            tokio::select! {
                ended = executor.run(approved) => panic!("it never ends: {ended:?}"),
                () = began.notified() => {}
            }
        }
        past.home.close();
        id
    })
}

fn run_step() -> Result<StepBuilder> {
    let shape = Shape::new("deployment.run")?.must("alone", Type::Bool)?;
    let shape = shape
        .must("set", Type::Text)?
        .must("production", Type::Bool)?;
    let step = Catalogue::new().with(shape)?;
    let step = step.step("deployment.run", "deploy@web-1")?;
    step.with("set", "shop")?
        .with("production", true)?
        .with("alone", false)
}

fn rotate_step() -> Result<StepBuilder> {
    let shape = Shape::new("key.rotate")?.must("alone", Type::Bool)?;
    let step = Catalogue::new().with(shape)?;
    step.step("key.rotate", "vault")?.with("alone", false)
}

fn begun(page: &str) -> usize {
    page.matches("deploy@web-1</td>").count()
}

#[test]
fn what_was_asked_approved_or_begun_when_a_process_ended_goes_on_from_there_once() {
    let service = Service::start();
    let mut hers = with_server(&service);
    let Ann {
        tenant, subject, ..
    } = ann(&service);
    let folder = service.kill();
    let of = (&*tenant, &*subject, USERS);
    let asked = process(folder.path(), of, run_step, Until::Asked);
    let approved = process(folder.path(), of, run_step, Until::Approved);
    let cut = process(folder.path(), of, run_step, Until::Begun);
    let noted = process(folder.path(), of, run_step, Until::Noted);
    let service = Service::start_with(folder, &[("DEPLOYDESK_CRON_SECRET", CRON)]);
    hers.addr = service.addr;
    // What was asked is told of, once, and does not run.
    let page = |id: GateId| format!("/approvals/{id}");
    let cron = || {
        let head = format!("POST /internal/cron HTTP/1.1\nHost: {}", service.addr);
        send(
            service.addr,
            &format!("{head}\nAuthorization: Bearer {CRON}"),
            b"",
        )
        .status
    };
    assert_eq!((cron(), cron()), (200, 200));
    let told = outbox(&service).into_iter();
    let told = told.filter(|mail| mail.to == ANN && mail.text.contains("deployment.run"));
    assert_eq!(told.count(), 1);
    for done in [approved, cut, noted] {
        ended(&hers, &page(done), "executed");
    }
    // The one that is on record as begun is not begun once more.
    assert!(hers.page(&page(noted)).contains(NOTED));
    assert!(hers.page(&page(asked)).contains("\">pending</span>"));
    assert_eq!(begun(&hers.page("/deployments")), 2);
    // Nor does another process that finds them begin one of them again.
    let service = Service::start_with(service.kill(), &[("DEPLOYDESK_CRON_SECRET", CRON)]);
    hers.addr = service.addr;
    decide(&mut hers, &page(asked), "approve", "").leads_to();
    // Ended as it began, or before, or after: the lease of whoever had it in hand may last a minute.
    let service = Service::start_in(service.kill());
    hers.addr = service.addr;
    let shown = hers.page(&page(asked));
    let states = ["approved", "executing", "executed"];
    let known = |state: &&str| shown.contains(&format!("\">{state}</span>"));
    assert!(states.iter().any(known), "{shown}");
    assert!(begun(&hers.page("/deployments")) <= 3);
}

#[test]
fn what_nobody_can_know_a_person_says_and_nothing_runs_by_it() {
    let service = Service::start();
    let mut root = admin(&service);
    let keys = keys_of(&service, "vault", "active");
    let account = root.page("/admin/account");
    let subject = account.split("<code>").nth(2).unwrap();
    let subject = subject.split('<').next().unwrap();
    let folder = service.kill();
    // Whose yes counts: what keeps it from a second try is what it is.
    let of = ("administrators", subject, ADMINS);
    let cut = [(); 2].map(|()| process(folder.path(), of, rotate_step, Until::Begun));
    let service = Service::start_in(folder);
    root.addr = service.addr;
    let page = |id: GateId| format!("/admin/approvals/{id}");
    for (id, says, state) in [(cut[0], "done", "executed"), (cut[1], "failed", "failed")] {
        let page = page(id);
        ended(&root, &page, "indeterminate");
        assert!(root.page("/admin/approvals").contains(&page));
        assert_eq!(
            decide(&mut root, &page, says, " ").status,
            422,
            "not without how"
        );
        decide(&mut root, &page, says, "the page of the keys").leads_to();
        ended(&root, &page, state);
    }
    assert_eq!(keys_of(&service, "vault", "active"), keys);
}

#[test]
fn two_processes_on_one_folder_do_each_thing_once() {
    let service = Service::start();
    let mut hers = with_server(&service);
    let mut mel = mel(&service, &mut hers);
    let beside = Service::beside(&service);
    let mut pages = Vec::new();
    for n in 0..3 {
        let name = format!("deploy@web-{n}0");
        let key = ssh_key("ed25519").0;
        let fields: [(&str, &[u8]); 2] = [("id", name.as_bytes()), ("file", key.as_bytes())];
        hers.post("/servers", &fields).leads_to();
        mel.addr = [service.addr, beside.addr][n % 2];
        pages.push(page_of(&delete(&mut mel, &format!("/servers/{name}"))));
    }
    for (n, page) in pages.iter().enumerate() {
        hers.addr = [beside.addr, service.addr][n % 2];
        decide(&mut hers, page, "approve", "").leads_to();
    }
    for page in &pages {
        ended(&hers, page, "executed");
    }
    assert_eq!(deletions(&service), 3);
    wait_until(|| (0..3).all(|n| hers.get(&format!("/servers/deploy@web-{n}0")).status == 404));
}

#[test]
fn what_was_approved_under_another_policy_does_not_run_by_a_stricter_one() {
    let service = Service::start();
    let mut hers = with_server(&service);
    let Ann {
        tenant, subject, ..
    } = ann(&service);
    let folder = service.kill();
    let of = (&*tenant, &*subject, USERS);
    let approved = process(folder.path(), of, run_step, Until::Approved);
    let cut = process(folder.path(), of, run_step, Until::Begun);
    let policy = folder.path().join("approvals.toml");
    let shipped = include_str!("../../assets/approvals.toml").replace("version = 1", "version = 2");
    let stricter = shipped.replace(
        "quorum = 1\nowner-may-approve = true\nremind",
        "quorum = 2\nremind",
    );
    assert_ne!(stricter, shipped);
    std::fs::write(&policy, stricter).unwrap();
    let named = [("DEPLOYDESK_APPROVALS", policy.to_str().unwrap())];
    let service = Service::start_with(folder, &named);
    hers.addr = service.addr;
    // Of what was begun nobody knows how far it came.
    for (id, state) in [(approved, "superseded"), (cut, "indeterminate")] {
        ended(&hers, &format!("/approvals/{id}"), state);
    }
    assert_eq!(begun(&hers.page("/deployments")), 0);
}

/// Copies the files of a folder.
fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

#[test]
fn a_database_that_was_put_back_runs_nothing_again() {
    let service = Service::start();
    let mut hers = with_server(&service);
    let Ann {
        tenant, subject, ..
    } = ann(&service);
    let folder = service.kill();
    let of = (&*tenant, &*subject, USERS);
    let approved = process(folder.path(), of, run_step, Until::Approved);
    let data = folder.path().join("data");
    let before = TempDir::new().unwrap();
    copy(&data, before.path());
    let service = Service::start_in(folder);
    hers.addr = service.addr;
    let page = format!("/approvals/{approved}");
    ended(&hers, &page, "executed");
    assert_eq!(begun(&hers.page("/deployments")), 1);
    // The folder as it was before, with the anchor as it is now.
    let folder = service.kill();
    for entry in std::fs::read_dir(&data).unwrap() {
        std::fs::remove_file(entry.unwrap().path()).unwrap();
    }
    copy(before.path(), &data);
    let service = Service::start_in(folder);
    hers.addr = service.addr;
    ended(&hers, &page, "indeterminate");
    assert_eq!(begun(&hers.page("/deployments")), 0);
    // It is a person who says what became of it.
    decide(&mut hers, &page, "failed", "the folder was put back").leads_to();
    ended(&hers, &page, "failed");
}
