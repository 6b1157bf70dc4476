//! Deployments: a real process for each, and nothing of a secret in what is kept or shown of it.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use keyward_base::{Clock as _, SystemClock};
use keyward_testkit::tools::without;
use keyward_testkit::{awkward_values, known_to_python};
use tempfile::TempDir;

use super::service::leak::Leaks;
use super::service::{Service, actions, entries, random, ssh_key, wait_until};

/// A service with a server and a set of variables, and the program that it runs.
struct Deploying {
    service: Service,
    token: String,
}

/// A folder with `script` as a program in it, and a pipe that the script may wait on.
fn program(script: &str) -> (TempDir, String) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("deploy");
    let pipe = folder.path().join("pipe");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let script = script.replace("PIPE", pipe.to_str().unwrap());
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

impl Deploying {
    /// With the program that comes with the service.
    fn built_in() -> Self {
        Self::of(Service::start())
    }

    fn with(script: &str, seconds: &str) -> Self {
        let (folder, path) = program(script);
        let variables = [
            ("DEPLOYDESK_DEPLOY", path.as_str()),
            ("DEPLOYDESK_DEPLOY_SECONDS", seconds),
        ];
        Self::of(Service::start_with(folder, &variables))
    }

    fn of(service: Service) -> Self {
        let token = random(40);
        let (key, _) = ssh_key("ed25519");
        let fields: [(&str, &[u8]); 2] = [("id", b"deploy@test-1"), ("secret", key.as_bytes())];
        service.post("/servers", &fields).leads_to();
        let file = format!("API_TOKEN={token}\nDATABASE_URL=postgres://app:{token}@db/app\n");
        let fields: [(&str, &[u8]); 2] = [("id", b"shop"), ("secret", file.as_bytes())];
        service.post("/environments", &fields).leads_to();
        Self { service, token }
    }

    /// The page of a deployment that was started now.
    fn start(&self) -> String {
        let fields: [(&str, &[u8]); 2] = [("server", b"deploy@test-1"), ("set", b"shop")];
        self.service
            .post("/deployments", &fields)
            .leads_to()
            .to_owned()
    }

    /// Its page once it says `state`.
    fn until(&self, path: &str, state: &str) -> String {
        let badge = |page: &str| page.contains(&format!("\">{state}</span>"));
        wait_until(|| badge(&self.service.page(path)));
        self.service.page(path)
    }

    /// Its page once its log holds `text`.
    fn until_it_writes(&self, path: &str, text: &str) -> String {
        wait_until(|| log_of(&self.service.page(path)).contains(text));
        self.service.page(path)
    }

    /// What stands in a log for a variable of the set.
    fn mask(&self, name: &str) -> String {
        let tenant = self.service.tenant();
        format!("•{tenant} environment.variables shop {name}•")
    }

    fn leaks(&self) -> Leaks {
        Leaks::of(&[self.token.as_bytes()])
    }

    /// Lets what waits on the pipe go on.
    fn go_on(&self) {
        let pipe = self.service.root().join("pipe");
        let mut pipe = OpenOptions::new().write(true).open(pipe).unwrap();
        pipe.write_all(b"go\n").unwrap();
    }
}

/// The log on a page.
fn log_of(page: &str) -> &str {
    let log = page.split("<pre class=\"log\">").nth(1).unwrap_or_default();
    log.split("</pre>").next().unwrap()
}

#[test]
fn what_a_deployment_writes_is_masked_where_it_is_kept_and_shown() {
    let desk = Deploying::built_in();
    let path = desk.start();
    let page = desk.until(&path, "is done");
    let log = log_of(&page);
    assert!(
        log.contains(&format!("API_TOKEN={}\n", desk.mask("API_TOKEN"))),
        "{log}"
    );
    assert!(
        log.contains(&format!("migrating {}\n", desk.mask("DATABASE_URL"))),
        "{log}"
    );
    assert!(!desk.leaks().found_in(page.as_bytes()), "{log}");
    assert!(desk.service.page("/deployments").contains("is done"));
    // The page says so before the record does.
    wait_until(|| actions(&desk.service)[0] == "deploydesk.end");
    assert_eq!(
        actions(&desk.service)[..3],
        ["deploydesk.end", "deploydesk.start", "vault.open"]
    );

    let prompted = desk.service.post(
        &format!("{path}/prompt"),
        &[(
            "question",
            format!("is {} the right one?", desk.token).as_bytes(),
        )],
    );
    assert_eq!(prompted.leads_to(), format!("{path}#prompt"));
    let page = desk.service.page(&path);
    let prompt = page.split("id=\"prompt\"").nth(1).unwrap();
    assert!(
        prompt.contains(&format!(
            "is {} ·",
            desk.mask("API_TOKEN").trim_end_matches('•')
        )),
        "{prompt}"
    );
    assert!(
        prompt.contains("is done. Say why") && prompt.contains("Nothing is: no model"),
        "{prompt}"
    );
    assert!(!desk.leaks().found_in(page.as_bytes()), "{prompt}");

    // Nor in any file of the service, while it runs and after.
    let (found, looked) = desk.leaks().found_under(desk.service.root());
    assert!(found.is_empty() && looked > 3, "{found:?}");
    let leaks = desk.leaks();

    // A service that has just started has opened nothing yet, and masks a question all the same.
    let mask = desk.mask("API_TOKEN");
    let service = Service::start_in(desk.service.stop());
    let question = format!("why not {}?", desk.token);
    let fields = [("question", question.as_bytes())];
    service.post(&format!("{path}/prompt"), &fields).leads_to();
    let page = service.page(&path);
    assert!(
        page.contains(&format!("why not {} ·", mask.trim_end_matches('•'))),
        "{page}"
    );
    let folder = service.stop();
    let (found, _) = leaks.found_under(folder.path());
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn what_is_not_masked_is_named() {
    let desk = Deploying::built_in();
    let file = b"DATABASE_URL=postgres://db.internal/app\nSHORT=hunter2\nMODE=production\n";
    let fields: [(&str, &[u8]); 2] = [("id", b"odd"), ("secret", file)];
    desk.service.post("/environments", &fields).leads_to();
    let fields: [(&str, &[u8]); 2] = [("server", b"deploy@test-1"), ("set", b"odd")];
    let path = desk.service.post("/deployments", &fields);
    let page = desk.until(path.leads_to(), "is done");
    let named = page.split("Not masked").nth(1).unwrap();
    let named = named.split("</p>").next().unwrap();
    assert!(
        named.contains("<code>MODE</code>, <code>SHORT</code>"),
        "{named}"
    );
    assert!(
        !named.contains("DATABASE_URL") && !named.contains("hunter2"),
        "{named}"
    );
    // Of another set, nothing is said.
    let path = desk.start();
    assert!(!desk.until(&path, "is done").contains("Not masked"));
}

#[test]
fn the_environment_is_the_set_and_a_fixed_path() {
    let desk = Deploying::with(
        "env | sort | cut -d= -f1 | tr '\\n' ' '; pwd; echo $PATH",
        "60",
    );
    let page = desk.until(&desk.start(), "is done");
    assert_eq!(
        log_of(&page),
        "API_TOKEN DATABASE_URL DEPLOY_SERVER DEPLOY_SET PATH PWD /\n/usr/local/bin:/usr/bin:/bin\n"
    );
}

/// Nothing of the service's own: no standard input, no file, and its names stand before a set's.
#[test]
fn what_the_service_gives_stands_before_what_a_set_says() {
    let desk = Deploying::with(
        "readlink /proc/self/fd/0; ls -l /proc/self/fd | grep -c '[.]db'; \
         echo \"$DEPLOY_SERVER $DEPLOY_SET.\"",
        "60",
    );
    let file = b"DEPLOY_SERVER=other-server\nDEPLOY_SET=other-set\n";
    let fields: [(&str, &[u8]); 2] = [("id", b"named"), ("secret", file)];
    desk.service.post("/environments", &fields).leads_to();
    let fields: [(&str, &[u8]); 2] = [("server", b"deploy@test-1"), ("set", b"named")];
    let path = desk.service.post("/deployments", &fields);
    let page = desk.until(path.leads_to(), "is done");
    // No file of the stores is open in it.
    assert_eq!(log_of(&page), "/dev/null\n0\ndeploy@test-1 named.\n");
}

/// How it ended stands on the page and in the record.
#[test]
fn how_one_ended_is_on_record() {
    for (script, state, how) in [
        (
            "exit 3",
            "failed with exit code 3",
            r#"["how",{"word":"exit"}],["code",{"number":3}]"#,
        ),
        (
            "kill -9 $$",
            "was ended by signal 9",
            r#"["how",{"word":"signal"}],["signal",{"number":9}]"#,
        ),
    ] {
        let desk = Deploying::with(script, "60");
        desk.until(&desk.start(), state);
        // The page says so before the record does.
        wait_until(|| actions(&desk.service)[0] == "deploydesk.end");
        let entries = entries(&desk.service);
        assert!(entries[0].contains(how), "{}", entries[0]);
        assert!(!entries[0].contains("\"actor\""), "{}", entries[0]);
        let actor = format!(r#""actor":{{"subject":"{}""#, desk.service.ann());
        assert!(entries[1].contains("deploydesk.start") && entries[1].contains(&actor));
    }
}

#[test]
fn a_set_cannot_choose_what_code_is_run() {
    let desk = Deploying::built_in();
    for name in ["LD_PRELOAD", "PATH", "BASH_ENV"] {
        let file = format!("A=1\n{name}=/some/where\n");
        let fields = [("id", name.as_bytes()), ("secret", file.as_bytes())];
        desk.service.post("/environments", &fields).leads_to();
        let fields = [("server", &b"deploy@test-1"[..]), ("set", name.as_bytes())];
        let refused = desk.service.post("/deployments", &fields);
        assert_eq!(refused.status, 422);
        assert!(
            refused.body.contains(&format!("has {name}, which decides")),
            "{}",
            refused.body
        );
    }
    for (server, set) in [
        ("deploy@web-2", "shop"),
        ("deploy@test-1", "none"),
        ("", "shop"),
    ] {
        let fields = [("server", server.as_bytes()), ("set", set.as_bytes())];
        assert_eq!(
            desk.service.post("/deployments", &fields).status,
            404,
            "{server} {set}"
        );
    }
    assert!(
        desk.service
            .page("/deployments")
            .contains("Nothing was deployed yet")
    );
    assert_eq!(desk.service.get("/deployments/0123").status, 404);
    assert_eq!(
        desk.service
            .get(&format!("/deployments/{}", "0".repeat(24)))
            .status,
        404
    );
}

#[test]
fn a_log_is_followed_while_it_is_written_and_is_text_on_the_page() {
    let desk = Deploying::with(
        "printf '10 %%\\r\\377'; printf '<b>half %.20s' \"$API_TOKEN\"; read go < PIPE\n\
         printf '%s' \"${API_TOKEN#????????????????????}\"; echo; printf '\\033[1mred\\n'; exit 3",
        "60",
    );
    let path = desk.start();
    let page = desk.until_it_writes(&path, "half");
    assert!(
        page.contains("http-equiv=\"refresh\"") && page.contains("\">runs</span>"),
        "{page}"
    );
    assert_eq!(
        log_of(&page),
        "10 %\n\u{fffd}&#60;b&#62;half ",
        "the half is held back"
    );
    desk.go_on();
    let page = desk.until(&path, "failed with exit code 3");
    assert!(!page.contains("http-equiv=\"refresh\""));
    let log = log_of(&page);
    assert!(
        log.contains(&format!("half {}\n", desk.mask("API_TOKEN"))),
        "{log}"
    );
    assert!(log.contains("[1mred\n") && !log.contains('\u{1b}'), "{log}");
}

/// The process that a script's line names by its number.
fn process_in(page: &str) -> String {
    let line = log_of(page)
        .lines()
        .find_map(|line| line.strip_prefix("pid ")?.strip_suffix(" ."));
    line.unwrap().to_owned()
}

fn is_there(pid: &str) -> bool {
    let state = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = state.rsplit(") ").next().unwrap_or_default().to_owned();
    !state.is_empty() && !state.starts_with('Z')
}

/// It ignores what asks it to end, and so does what it has started. The point: a number at the end
/// of a line may be held back, since the token in base64 may begin with it.
const STUBBORN: &str = "trap '' TERM; sleep 600 & echo \"pid $! .\"; wait; wait; wait";

#[test]
fn one_that_is_stopped_leaves_no_process() {
    let desk = Deploying::with(STUBBORN, "600");
    let (first, second) = (desk.start(), desk.start());
    let fields: [(&str, &[u8]); 2] = [("server", b"deploy@test-1"), ("set", b"shop")];
    let third = desk.service.post("/deployments", &fields);
    assert_eq!(third.status, 409);
    assert!(
        third.body.contains("Two deployments run already"),
        "{}",
        third.body
    );
    let page = desk.until_it_writes(&first, " .\n");
    let pid = process_in(&page);
    assert!(is_there(&pid));
    desk.service.post(&format!("{first}/stop"), &[]).leads_to();
    desk.until(&first, "was stopped");
    assert!(!is_there(&pid));
    assert_eq!(desk.service.post(&format!("{first}/stop"), &[]).status, 409);

    // So does the end of the service.
    let pid = process_in(&desk.until_it_writes(&second, " .\n"));
    let Deploying { service, .. } = desk;
    let service = Service::start_in(service.stop());
    assert!(!is_there(&pid));
    assert!(service.page(&second).contains("was stopped"));
}

/// It is asked first, and has time to put away what it holds.
#[test]
fn one_that_is_stopped_may_end_by_itself() {
    let ends = "n=0; while [ $n -lt 3000 ]; do n=$((n+1)); done; echo \"asked, $n.\"; exit 0";
    let script = format!("trap '{ends}' TERM; sleep 600 & echo begun.; wait");
    let desk = Deploying::with(&script, "600");
    let path = desk.start();
    desk.until_it_writes(&path, "begun.");
    desk.service.post(&format!("{path}/stop"), &[]).leads_to();
    let page = desk.until(&path, "was stopped");
    assert!(log_of(&page).ends_with("asked, 3000.\n"), "{page}");
    wait_until(|| actions(&desk.service)[0] == "deploydesk.end");
    let stop = &entries(&desk.service)[1];
    let actor = format!(r#""actor":{{"subject":"{}""#, desk.service.ann());
    assert!(
        stop.contains("deploydesk.stop") && stop.contains(&actor),
        "{stop}"
    );
}

#[test]
fn one_that_ends_by_itself_leaves_no_process() {
    let desk = Deploying::with("sleep 600 >/dev/null 2>&1 & echo \"pid $! .\"", "600");
    let pid = process_in(&desk.until(&desk.start(), "is done"));
    wait_until(|| !is_there(&pid));
}

#[test]
fn one_that_runs_too_long_is_ended() {
    let desk = Deploying::with("echo begun; exec sleep 600", "1");
    let page = desk.until(&desk.start(), "ran too long and was ended");
    assert_eq!(log_of(&page), "begun\n");
}

#[test]
fn a_flood_is_cut_after_it_is_masked() {
    let desk = Deploying::with("yes \"$API_TOKEN\" | head -n 25000", "60");
    let page = desk.until(&desk.start(), "is done");
    let log = log_of(&page);
    assert!(log.ends_with("[cut here: only the first 1048576 bytes are kept]\n"));
    assert!(!desk.leaks().found_in(page.as_bytes()));
    let gone = Deploying::with("exit 0", "60");
    fs::remove_file(gone.service.root().join("deploy")).unwrap();
    let page = gone.until(&gone.start(), "could not be started");
    assert!(log_of(&page).contains("cannot be started"), "{page}");
}

/// Who follows a long log does not have all of it made into a page each second.
#[test]
fn of_a_long_log_the_end_is_followed_and_all_is_shown_when_it_has_ended() {
    let script =
        "echo first.; yes 'a line of the log.' | head -n 20000; echo last.; read go < PIPE";
    let desk = Deploying::with(script, "600");
    let path = desk.start();
    let page = desk.until_it_writes(&path, "last.");
    let log = log_of(&page);
    assert!(
        log.len() <= 64 * 1024 && log.len() > 60 * 1024,
        "{}",
        log.len()
    );
    assert!(log.starts_with("a line of the log.\n"), "{}", &log[..40]);
    assert!(page.contains("Only its end is shown while it runs."));
    desk.go_on();
    let page = desk.until(&path, "is done");
    assert_eq!(log_of(&page).len(), 20_000 * 19 + 13);
    assert!(log_of(&page).starts_with("first.\n") && !page.contains("Only its end"));
    // Nor is a model asked about all of it.
    let fields: [(&str, &[u8]); 1] = [("question", b"")];
    let asked = format!("{path}/prompt");
    desk.service.post(&asked, &fields).leads_to();
    let page = desk.service.page(&path);
    let prompt = page.split("id=\"prompt\"").nth(1).unwrap();
    let prompt = log_of(prompt);
    assert!(
        prompt.ends_with("a line of the log.\nlast.\n") && !prompt.contains("first."),
        "{prompt}"
    );
    assert!(
        (16 * 1024..17 * 1024).contains(&prompt.len()),
        "{}",
        prompt.len()
    );
}

/// What it takes: see `docs/benchmarks.md`.
#[test]
#[ignore = "it measures"]
fn a_long_log_is_followed_by_a_hundred_readers() {
    const LEN: usize = 10 * 1024 * 1024;
    let script = format!(
        "echo first.; read go < PIPE; yes \"a line of the log with $API_TOKEN in it.\" | head -c {LEN}"
    );
    let desk = Deploying::with(&script, "600");
    let path = desk.start();
    desk.until_it_writes(&path, "first.");
    let clock = SystemClock::new();
    let now = || clock.now().unwrap().as_millis();
    let before = desk.service.peak();
    let (begun, mut ended, mut waits) = (now(), 0, Vec::new());
    std::thread::scope(|scope| {
        let follow = || {
            let mut waits = Vec::new();
            loop {
                let asked = now();
                let page = desk.service.page(&path);
                let answered = now();
                waits.push((answered - asked, page.len()));
                if page.contains("is done") {
                    return (waits, answered);
                }
            }
        };
        let readers: Vec<_> = (0..100).map(|_| scope.spawn(follow)).collect();
        desk.go_on();
        for reader in readers {
            let (of_one, end) = reader.join().unwrap();
            waits.extend(of_one);
            ended = end.max(ended);
        }
    });
    waits.sort_unstable();
    let largest = waits.iter().map(|(_, len)| len).max().unwrap();
    println!(
        "{} pages of {largest} bytes at most in {} ms: median wait {} ms, longest {} ms; \
         peak memory {} KiB, before {before}",
        waits.len(),
        ended - begun,
        waits[waits.len() / 2].0,
        waits[waits.len() - 1].0,
        desk.service.peak(),
    );
}

/// What writes for ever on both streams, from outside its group, neither keeps the deployment from
/// its end nor takes the place of the next.
#[test]
fn who_floods_the_pipe_from_outside_the_group_is_not_waited_for() {
    let desk = Deploying::with(
        "setsid yes \"$API_TOKEN\" & setsid yes \"$API_TOKEN\" >&2 & exit 0",
        "600",
    );
    let page = desk.until(&desk.start(), "is done");
    assert!(!desk.leaks().found_in(page.as_bytes()));
}

#[test]
fn what_a_terminal_obeys_within_a_value_does_not_fall_out_of_it() {
    let script = r#"printf '%.7s\000' "$API_TOKEN"; printf '%s' "$API_TOKEN" | cut -c8-"#;
    let desk = Deploying::with(script, "60");
    let path = desk.start();
    let page = desk.until(&path, "is done");
    assert!(!page.contains(&desk.token), "{page}");
    desk.service
        .post(&format!("{path}/prompt"), &[("question", b"")])
        .leads_to();
    let page = desk.service.page(&path);
    assert!(
        !page.contains(&desk.token) && !page.contains('\0'),
        "{page}"
    );
    // A cut could leave the first half of a value.
    let long = format!("{}{}", "a ".repeat(240), desk.token);
    let fields: [(&str, &[u8]); 1] = [("question", long.as_bytes())];
    let asked = desk.service.post(&format!("{path}/prompt"), &fields);
    assert_eq!(asked.status, 422);
    assert!(
        asked.body.contains("more than 500 characters: shorten it"),
        "{}",
        asked.body
    );
    assert!(!asked.body.contains(&desk.token) && !asked.body.contains("a a a"));
    assert!(!desk.service.page(&path).contains("Not asked."));
    // Characters, and not bytes.
    let longest = "é".repeat(500);
    let fields: [(&str, &[u8]); 1] = [("question", longest.as_bytes())];
    let asked = desk.service.post(&format!("{path}/prompt"), &fields);
    asked.leads_to();
    assert!(desk.service.page(&path).contains(&longest));
}

/// A request whose client has gone away is dropped in the middle. What it had begun has an end all
/// the same, and its place is given back.
#[test]
fn a_start_that_nobody_waits_for_has_an_end_and_keeps_no_place() {
    let desk = Deploying::with("exit 0", "600");
    for round in 1..=3 {
        // The record cannot be written now.
        let store = rusqlite::Connection::open(desk.service.data().join("data.db")).unwrap();
        store.execute_batch("BEGIN IMMEDIATE").unwrap();
        let body = "server=deploy%40test-1&set=shop";
        let mut stream = TcpStream::connect(desk.service.addr).unwrap();
        write!(
            stream,
            "POST /deployments HTTP/1.1\r\nHost: {}\r\nSec-Fetch-Site: same-origin\r\n{}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            desk.service.addr,
            desk.service.cookies(),
            body.len()
        )
        .unwrap();
        // Answers go on: the service has begun with this one, and waits for the record.
        for _ in 0..100 {
            desk.service.page("/style.css");
        }
        drop(stream);
        // And has seen that it is not waited for.
        for _ in 0..20 {
            desk.service.page("/style.css");
        }
        store.execute_batch("ROLLBACK").unwrap();
        let ended = || {
            desk.service
                .page("/deployments")
                .matches(">is done<")
                .count()
        };
        wait_until(|| ended() == round);
    }
    let page = desk.service.page("/deployments");
    assert!(!page.contains("cut short"), "{page}");
    let count = |action: &str| {
        let actions = actions(&desk.service);
        actions.iter().filter(|known| *known == action).count()
    };
    // The page says so before the record does.
    wait_until(|| count("deploydesk.end") == 3);
    assert_eq!(count("deploydesk.start"), 3);
}

/// A service that is killed says what it knows: that nobody sees to the deployment any more. It does
/// not stop what is not its own, and no secret is left in any file.
#[test]
fn what_a_killed_service_ran_is_shown_as_cut_short() {
    let script = "echo \"begun $API_TOKEN.\"; read go < PIPE; echo 1; echo 2; echo 3 > GONE";
    let folder = TempDir::new().unwrap();
    let gone = folder.path().join("gone");
    let desk = Deploying::with(&script.replace("GONE", gone.to_str().unwrap()), "600");
    let path = desk.start();
    desk.until_it_writes(&path, "begun ");
    let (leaks, fields) = (desk.leaks(), [("question", &b""[..])]);
    let mask = desk.mask("API_TOKEN");
    let service = Service::start_in(desk.service.kill());
    let page = service.page(&path);
    assert!(
        page.contains(">runs elsewhere, or was cut short<"),
        "{page}"
    );
    assert!(page.contains(&format!("begun {mask}")), "{page}");
    assert_eq!(service.post(&format!("{path}/stop"), &[]).status, 409);
    let store = rusqlite::Connection::open(service.data().join("data.db")).unwrap();
    let over = "UPDATE record SET data = CAST(json_set(data, '$.until', 1) AS BLOB) \
                WHERE collection = 'deploydesk-deployments'";
    assert_eq!(store.execute(over, []).unwrap(), 1);
    let page = service.page(&path);
    assert!(page.contains(">was cut short<"), "{page}");
    service.post(&format!("{path}/prompt"), &fields).leads_to();
    let (found, looked) = leaks.found_under(&service.data());
    assert!(found.is_empty() && looked > 3, "{found:?}");
    // What still runs ends with its next line, since nobody reads it.
    let pipe = service.root().join("pipe");
    let mut pipe = OpenOptions::new().write(true).open(pipe).unwrap();
    pipe.write_all(b"go\n").unwrap();
    assert!(!gone.exists());
}

#[test]
fn a_page_of_elsewhere_starts_stops_and_asks_nothing() {
    let desk = Deploying::with("echo begun.; read go < PIPE", "600");
    let elsewhere = |path: &str, fields: &[(&str, &[u8])]| {
        for headers in ["Sec-Fetch-Site: cross-site", "Origin: http://evil.example"] {
            assert_eq!(desk.service.post_with(path, headers, fields).status, 403);
        }
    };
    let fields: [(&str, &[u8]); 2] = [("server", b"deploy@test-1"), ("set", b"shop")];
    elsewhere("/deployments", &fields);
    assert!(!actions(&desk.service).contains(&"deploydesk.start".to_owned()));
    let path = desk.start();
    desk.until_it_writes(&path, "begun.");
    elsewhere(&format!("{path}/stop"), &[]);
    elsewhere(&format!("{path}/prompt"), &[("question", b"why?")]);
    let page = desk.service.page(&path);
    assert!(page.contains(">runs<"), "{page}");
    desk.go_on();
    let page = desk.until(&path, "is done");
    assert!(!page.contains("why?"), "{page}");
    // An address that is none, however it is written.
    for id in [
        "..",
        "%2e%2e",
        "%00",
        "0",
        "a%2Fb",
        &"f".repeat(24),
        &"F".repeat(24),
    ] {
        let path = format!("/deployments/{id}");
        assert!((400..500).contains(&desk.service.get(&path).status), "{id}");
        for act in ["stop", "prompt"] {
            let status = desk
                .service
                .post(&format!("{path}/{act}"), &[("question", b"")])
                .status;
            assert!((400..500).contains(&status), "{id} {act} {status}");
        }
    }
}

fn python(arguments: &[&str]) -> Vec<u8> {
    let output = Command::new("python3").arg("-B").args(arguments).output();
    let output = output.expect("python3 is needed, or `cargo xtask test --without python3`");
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

/// A program that shares no code with this one is the deployment, and writes every form of every
/// value of the set; then it reads the log out of the database file, and finds none.
#[test]
fn a_program_in_python_finds_no_form_in_the_stored_log() {
    const FORMS: &str = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../crates/keyward-redact/tests/forms/forms.py"
    );
    const READ: &str = "
import sqlite3, sys
store = sqlite3.connect(f'file:{sys.argv[1]}?mode=ro', uri=True)
rows = store.execute('SELECT data FROM record WHERE collection = ? ORDER BY owner, id', (sys.argv[2],))
sys.stdout.buffer.write(b''.join(data for (data,) in rows))
";
    if without("python3") {
        return;
    }
    let values = awkward_values(random);
    let known = known_to_python(&values);

    let executable =
        String::from_utf8(python(&["-c", "import sys; print(sys.executable)"])).unwrap();
    let folder = TempDir::new().unwrap();
    let given = folder.path().join("known.json");
    fs::write(&given, known).unwrap();
    let given = given.to_str().unwrap();
    let all = format!("{} -B {FORMS} text {given}", executable.trim());
    let desk = Deploying::with(&format!("set -e; {all}; {all} >&2"), "600");
    let file: String = values
        .iter()
        .map(|(name, value)| format!("{name}='{value}'\n"))
        .collect();
    let fields = [("id", &b"formed"[..]), ("secret", file.as_bytes())];
    desk.service.post("/environments", &fields).leads_to();
    let fields = [("server", &b"deploy@test-1"[..]), ("set", &b"formed"[..])];
    let path = desk
        .service
        .post("/deployments", &fields)
        .leads_to()
        .to_owned();
    let page = desk.until(&path, "is done");
    let check = |bytes: &[u8], what: &str| {
        let at = desk.service.root().join(what);
        fs::write(&at, bytes).unwrap();
        let at = at.to_str().unwrap();
        let line = "exec python3 -B \"$0\" check \"$1\" < \"$2\"";
        let checked = Command::new("sh")
            .args(["-c", line, FORMS, given, at])
            .output();
        let checked = checked.unwrap();
        let said = String::from_utf8(checked.stdout).unwrap();
        (checked.status.success(), said)
    };
    let database = desk.service.data().join("data.db");
    let log = python(&["-c", READ, database.to_str().unwrap(), "deploydesk-logs"]);
    assert!(log.len() > 20_000, "{}", log.len());
    let (clean, said) = check(&log, "log");
    assert!(clean && said.starts_with("3 secrets, "), "{said}");
    // What is not secret stays, and the log was not cut.
    let ends = String::from_utf8_lossy(&log).matches(" end\n").count();
    assert!(
        ends > 200 && !String::from_utf8_lossy(&log).contains("[cut here"),
        "{ends}"
    );
    let (clean, said) = check(page.as_bytes(), "page");
    assert!(clean, "{said}");
    // Nor in the file itself, nor in what is not folded into it yet.
    for file in ["data.db", "data.db-wal"] {
        let (clean, said) = check(&fs::read(desk.service.data().join(file)).unwrap(), "file");
        assert!(clean, "{file}: {said}");
    }
    let (clean, said) = check(format!("x{}", values[0].1).as_bytes(), "planted");
    assert!(!clean, "{said}");
}

/// What stands between them in the log is of the other stream.
#[test]
fn two_halves_on_one_stream_are_one_value_whatever_the_other_writes() {
    for (halves, between) in [("1", "2"), ("2", "1")] {
        let script = format!(
            "printf '%.20s' \"$API_TOKEN\" >&{halves}; echo between. >&{between}; read go < PIPE\n\
             printf '%s' \"${{API_TOKEN#????????????????????}}\" >&{halves}"
        );
        let desk = Deploying::with(&script, "60");
        let path = desk.start();
        desk.until_it_writes(&path, "between.");
        desk.go_on();
        let page = desk.until(&path, "is done");
        assert_eq!(
            log_of(&page),
            format!("between.\n{}", desk.mask("API_TOKEN"))
        );
    }
}
