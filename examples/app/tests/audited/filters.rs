//! Which entries the page of the record shows: in pages, by each filter, and whoever writes to the
//! database.

use keyward_audit::Of;
use keyward_audit::audit::Rule;
use keyward_base::audit::Outcome;
use keyward_base::{
    Actor, Clock, Event, Place, Reason, RecordId, Subject, SystemClock, Tenant, Timestamp,
};
use keyward_embedded::{Home, HomeDir, Options, RootSource};
use tempfile::TempDir;

use crate::service::browser::plant_ann;
use crate::service::{Service, wait_until};

/// How many entries follow what was put there: Ann's log-in and the start of her session.
const SINCE: u64 = 2;

const DAY: u64 = 24 * 60 * 60 * 1000;
const MINUTE: u64 = 60 * 1000;

/// More than one request looks through.
const BULK: u64 = 5200;

/// How many entries have a name, `r-000` to `r-159`.
const NAMED: u64 = 160;

/// Which of the named entries a query lists.
type Takes = fn(u64) -> bool;

fn tenant() -> Tenant {
    Tenant::new("acme").unwrap()
}

fn acme() -> Of {
    Of::Tenant(tenant())
}

/// The named entries and the others: 40 a day on the days 0 and 1, all others on day 2, 40 a day on
/// the days 3 and 4.
struct Told {
    service: Service,
    /// When day 0 began.
    began: u64,
}

fn event(at: u64, action: &'static str) -> Event {
    let mut event = Event::new(Timestamp::from_millis(at), action, Outcome::Done);
    event.tenant = Some(tenant());
    event
}

fn named(n: u64, began: u64) -> Event {
    let (day, minute) = (n / 40, n % 40);
    let day = if day < 2 { day } else { day + 1 };
    let mut event = event(began + day * DAY + minute * MINUTE, "vault.put");
    event.place = Some(Place::new("environment.variables").unwrap());
    event.record = Some(RecordId::new(&format!("r-{n:03}")).unwrap());
    let who = if n.is_multiple_of(5) { "u-5" } else { "u-1" };
    let mut actor = Actor::new(Subject::new(who).unwrap());
    if n.is_multiple_of(4) {
        actor = actor.on_behalf_of(Subject::new("boss").unwrap());
    }
    if n.is_multiple_of(3) {
        actor = actor.staff();
    }
    event.actor = Some(actor);
    event.outcome = match n % 10 {
        7 => Outcome::Failed(keyward_base::ErrorKind::Rejected, Some(Reason::NOT_FOUND)),
        8 => Outcome::Granted,
        _ => Outcome::Done,
    };
    event
}

fn runtime() -> tokio::runtime::Runtime {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build().unwrap()
}

async fn home(root: &std::path::Path) -> Home {
    let mut options = Options::with_root(RootSource::File);
    options.anchor = Some(root.join("anchor"));
    Home::open(&HomeDir::at(root.join("data")), &options)
        .await
        .unwrap()
}

impl Told {
    fn new() -> Self {
        let folder: TempDir = Service::start().stop();
        let now = SystemClock::new().now().unwrap().as_millis();
        let began = now - now % DAY - 20 * DAY;
        runtime().block_on(async {
            let home = home(folder.path()).await;
            plant_ann(&home, &tenant()).await;
            let audit = home.audit().unwrap();
            for n in 0..NAMED / 2 {
                audit.append(named(n, began)).await.unwrap();
            }
            let mut bulk = tokio::task::JoinSet::new();
            for _ in 0..BULK {
                let audit = audit.clone();
                bulk.spawn(async move {
                    let event = event(began + 2 * DAY, "vault.open");
                    audit.append(event).await.unwrap();
                });
            }
            bulk.join_all().await;
            for n in NAMED / 2..NAMED {
                audit.append(named(n, began)).await.unwrap();
            }
        });
        let service = Service::start_in(folder);
        Self { service, began }
    }

    fn badge(&self, word: &str) {
        wait_until(|| {
            self.service
                .page("/audit")
                .contains(&format!(">{word}</span>"))
        });
    }

    /// A time, as the form has it.
    fn at(&self, day: u64, minute: u64) -> String {
        let at = self.began + day * DAY + minute * MINUTE;
        let date = at / DAY - self.began / DAY;
        let minute = at % DAY / MINUTE;
        let date = civil(self.began / DAY + date);
        format!("{date}T{:02}:{:02}", minute / 60, minute % 60)
    }

    /// The names that are listed at an address, and where the older ones are.
    fn page(&self, path: &str) -> (Vec<u64>, Option<String>) {
        let page = self.service.page(path);
        let table = page.split("<tbody>").nth(1).unwrap_or_default();
        let table = table.split("</tbody>").next().unwrap_or_default();
        let names = table.split("variables r-").skip(1);
        let names = names.map(|name| name[..3].parse().unwrap()).collect();
        let older = page
            .split("<a class=\"button\" href=\"/audit?before=")
            .nth(1);
        let older = older.map(|rest| rest.split('"').next().unwrap().replace("&#38;", "&"));
        (names, older.map(|older| format!("/audit?before={older}")))
    }

    /// All names that a query lists, newest first, and how many pages that took.
    fn listed(&self, query: &str) -> (Vec<u64>, usize) {
        let (mut all, mut pages) = (Vec::new(), 1);
        let (names, mut older) = self.page(&format!("/audit?{query}"));
        all.extend(names);
        while let Some(path) = older.take() {
            let (names, more) = self.page(&path);
            assert!(names.len() <= 50);
            all.extend(names);
            older = more;
            pages += 1;
            assert!(pages < 30, "{query}");
        }
        (all, pages)
    }

    fn lists(&self, query: &str, wanted: impl Fn(u64) -> bool) -> usize {
        let (all, pages) = self.listed(query);
        let wanted: Vec<u64> = (0..NAMED).rev().filter(|n| wanted(*n)).collect();
        assert_eq!(all, wanted, "{query}");
        pages
    }

    fn edit(&self, set: &str, wanted: &str) -> usize {
        let conn = rusqlite::Connection::open(self.service.data().join("data.db")).unwrap();
        let sql = format!(
            "UPDATE entry SET bytes = {set} WHERE collection = 'audit' AND owner = 'acme' AND id = 'log' AND {wanted}"
        );
        conn.execute(&sql, []).unwrap()
    }
}

/// A day since 1970-01-01, as a date.
fn civil(days: u64) -> String {
    let days = i64::try_from(days).unwrap();
    let date = jiff::civil::date(1970, 1, 1) + jiff::SignedDuration::from_hours(24 * days);
    date.to_string()
}

#[test]
fn each_filter_lists_what_it_asks_for_once_and_in_order() {
    let told = Told::new();
    told.badge("As written");
    told.lists("record=r-", |_| true);
    told.lists("action=put", |_| true);
    let queries: [(&str, Takes); 12] = [
        ("who=boss", |n| n % 4 == 0),
        ("who=u-5", |n| n % 5 == 0),
        ("who=+u-5", |n| n % 5 == 0),
        ("who=u", |_| false),
        ("staff=yes&record=r-", |n| n % 3 == 0),
        ("ended=bad&record=r-", |n| n % 10 == 7),
        ("ended=good&record=r-", |n| n % 10 != 7),
        ("record=15", |n| n / 10 == 15 || n % 100 == 15),
        ("section=environments&who=boss&staff=yes", |n| n % 12 == 0),
        ("section=servers", |_| false),
        ("what=vault&record=r-1", |n| n >= 100),
        ("what=vaul", |_| false),
    ];
    for (query, wanted) in queries {
        told.lists(query, wanted);
    }
    // A row says who did it for whom, whether it was staff, and how it ended.
    let row = |n: u64| {
        let page = told.service.page(&format!("/audit?record=r-{n:03}"));
        assert!(page.contains("<span class=\"badge good\">As written</span>"));
        assert!(page.contains("<span class=\"quiet\">Checked 2"));
        let row = page.split("<tbody>").nth(1).unwrap();
        row.split("</tbody>").next().unwrap().to_owned()
    };
    let staff = "<span class=\"badge warn\">staff</span>";
    assert!(row(120).contains(&format!("u-5 for boss {staff}")));
    let (plain, failed) = (row(121), row(127));
    assert!(plain.contains("<span class=\"badge good\">done</span>"));
    assert!(plain.contains("u-1</td>") && !plain.contains(staff));
    assert!(failed.contains("<span class=\"badge bad\">rejected: not-found</span>"));
    let one = |n: u64| told.service.page(&format!("/audit/{}", BULK + n));
    let (both, plain) = (one(120), one(121));
    assert!(both.contains(staff) && both.contains("<dt>On behalf of</dt>"));
    assert!(!plain.contains(staff) && !plain.contains("On behalf of"));
    // By the days, no more is looked through than is asked for.
    let [day1, day2, day3, day4] = [1, 2, 3, 4].map(|day| told.at(day, 0));
    let pages = told.lists(&format!("record=r-&from={day3}"), |n| n >= 80);
    assert_eq!(pages, 2);
    let evening = told.at(1, 20 * 60);
    let pages = told.lists(&format!("record=r-&to={evening}"), |n| n < 80);
    assert_eq!(pages, 2);
    told.lists(&format!("record=r-&to={day2}"), |n| n < 80);
    assert_eq!(told.lists(&format!("from={day4}"), |n| n >= 120), 1);
    let within = told.at(3, 5);
    told.lists(&format!("from={within}"), |n| n >= 85);
    told.lists(&format!("to={within}&record=r-"), |n| n < 85);
    let within = told.at(1, 39);
    told.lists(&format!("from={day1}&to={within}&record=r-"), |n| {
        (40..79).contains(&n)
    });
    told.lists(
        &format!("from={}&to={}", told.at(0, 7), told.at(0, 9)),
        |n| (7..9).contains(&n),
    );
    // The address of the older ones asks for the same.
    let query = format!("who=boss&staff=&from={day1}&to={day4}&record=r-&what=vault&ended=");
    told.lists(&query, |n| (40..120).contains(&n) && n % 4 == 0);
    // Where one request ends, the next goes on.
    let (names, older) = told.page(&format!("/audit?before={}&record=r-", 5120 + 40));
    assert_eq!(names, (40..80).rev().collect::<Vec<_>>());
    assert!(older.unwrap().starts_with("/audit?before=40&"));
    let (names, _) = told.page("/audit?before=10");
    assert_eq!(names, (0..10).rev().collect::<Vec<_>>());
    let (names, older) = told.page("/audit");
    assert_eq!(names, (NAMED + SINCE - 50..NAMED).rev().collect::<Vec<_>>());
    assert_eq!(
        older.unwrap(),
        format!("/audit?before={}", BULK + NAMED + SINCE - 50)
    );
}

#[test]
fn no_day_that_somebody_wrote_into_a_leaf_hides_others() {
    let told = Told::new();
    told.badge("As written");
    let (day1, day2) = (told.at(1, 0), told.at(2, 0));
    let leaf =
        |day: &str| format!("CAST(substr(bytes, 1, 17) || {day} || substr(bytes, 22) AS BLOB)");
    // The newest entry is of 1970, by its leaf: and all before it, if that were so.
    let last = format!("seq = {}", BULK + NAMED - 1);
    assert_eq!(told.edit(&leaf("x'00000000'"), &last), 1);
    told.badge("Not as written");
    told.lists(&format!("record=r-&from={day1}"), |n| n >= 40);
    // And the oldest are of days to come.
    assert_eq!(told.edit(&leaf("x'7fffffff'"), "seq < 60"), 60);
    told.lists(&format!("record=r-&to={day2}"), |n| n < 80);
}

#[test]
fn no_clock_that_was_ahead_hides_what_came_after_it() {
    let folder: TempDir = Service::start().stop();
    let now = SystemClock::new().now().unwrap().as_millis();
    let began = now - now % DAY - 20 * DAY;
    runtime().block_on(async {
        let home = home(folder.path()).await;
        plant_ann(&home, &tenant()).await;
        let audit = home.audit().unwrap();
        let ahead = event(now + 400 * DAY, "vault.open");
        audit.append(ahead).await.unwrap();
        for n in 0..NAMED {
            audit.append(named(n, began)).await.unwrap();
        }
    });
    let service = Service::start_in(folder);
    let told = Told { service, began };
    told.badge("As written");
    let day3 = told.at(3, 0);
    told.lists(&format!("record=r-&to={day3}"), |n| n < 80);
}

#[test]
fn what_was_erased_is_listed_and_met_by_no_filter() {
    let told = Told::new();
    let erased = runtime().block_on(async {
        let home = home(told.service.root()).await;
        let before = u32::try_from(told.began / DAY + 1).unwrap();
        let mut rule = Rule::all();
        rule.before = before;
        home.audit().unwrap().erase(&acme(), &rule).await.unwrap()
    });
    assert_eq!(erased.unwrap().count, 40);
    told.badge("As written");
    let page = told.service.page("/audit?before=50");
    assert_eq!(page.matches(">its text is gone</span>").count(), 40);
    assert!(page.contains(&format!(
        "<td data-label=\"When\"><a href=\"/audit/39\">{}</a>",
        civil(told.began / DAY)
    )));
    assert!(
        told.service
            .page("/audit")
            .contains(", 40 of them erased by a rule")
    );
    let page = told.service.page("/audit?before=50&record=r-");
    assert!(!page.contains("its text is gone") && page.contains("variables r-049"));
    let one = told.service.page("/audit/39");
    for known in ["its text is gone", &civil(told.began / DAY), "Digest"] {
        assert!(one.contains(known), "{known} in {one}");
    }
    assert!(!one.contains("r-039"));
}

/// An act that is open is listed as intended, and else by its outcome alone: though that is on the
/// page before. What the rules reached is told where it was, the newest first.
#[test]
fn an_intent_is_listed_while_it_is_open_and_anomalies_are_of_their_log() {
    let folder = Service::start().stop();
    let now = SystemClock::new().now().unwrap().as_millis();
    runtime().block_on(async {
        let home = home(folder.path()).await;
        plant_ann(&home, &tenant()).await;
        let audit = home.audit().unwrap();
        for n in 0..3_u64 {
            for outcome in [Outcome::Intended, Outcome::Done] {
                if n == 2 && outcome == Outcome::Done {
                    continue;
                }
                let mut event = named(n, now);
                event.at = Timestamp::from_millis(now);
                event.id = Some(keyward_base::EventId::new(
                    [7; 8],
                    [u8::try_from(n).unwrap(); 8],
                ));
                event.outcome = outcome;
                audit.append(event).await.unwrap();
            }
        }
        for who in ["u-first", "u-second"] {
            let mut event = event(now, "app.lock-out");
            event.actor = Some(Actor::new(Subject::new(who).unwrap()));
            audit.append(event).await.unwrap();
        }
        let mut event = event(now, "app.lock-out");
        event.tenant = None;
        event.actor = Some(Actor::new(Subject::new("u-third").unwrap()));
        audit.append(event).await.unwrap();
    });
    let service = Service::start_in(folder);
    let row = |page: &str, n: u64| page.matches(&format!("variables r-{n:03}")).count();
    let page = service.page("/audit");
    assert_eq!([0, 1, 2].map(|n| row(&page, n)), [1, 1, 1]);
    assert_eq!(page.matches(">intended</span>").count(), 1);
    // The outcome of the act with number 1 is behind this page.
    let page = service.page("/audit?before=3");
    assert_eq!([0, 1, 2].map(|n| row(&page, n)), [1, 0, 0]);
    let alarms = |path: &str| {
        let page = service.page(path);
        let list = page.split("<h2 id=\"alarms\">").nth(1).unwrap_or_default();
        let list = list.split("</section>").next().unwrap().to_owned();
        ["u-first", "u-second", "u-third"].map(|who| list.find(who))
    };
    wait_until(|| alarms("/audit")[1].is_some() && alarms("/admin/audit")[2].is_some());
    let [first, second, third] = alarms("/audit");
    assert!(first > second && third.is_none());
    let [first, second, third] = alarms("/admin/audit");
    assert!(first.is_none() && second.is_none() && third.is_some());
    let page = service.page("/admin/audit");
    assert!(page.contains("<h1>Log of the service</h1>"));
    let one = service.page("/admin/audit/0");
    assert!(one.contains("<a href=\"/admin/audit\">Log of the service</a>"));
    // One that is gone from between others is shown as such.
    let conn = rusqlite::Connection::open(service.data().join("data.db")).unwrap();
    let gone = "DELETE FROM entry WHERE collection = 'audit' AND owner = 'acme' AND id = 'log' AND seq = 1";
    assert_eq!(conn.execute(gone, []).unwrap(), 1);
    let page = service.page("/audit");
    assert_eq!(page.matches(">not what was written</span>").count(), 1);
}
