//! `keyward run`: real children, real pipes, and nothing of a secret in what they write.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

use keyward_testkit::tools::without;
use keyward_testkit::{awkward_values, known_to_python};

use super::support::leaks::Leaks;
use super::support::{Bench, Ran, finish, random_text};

const SLOT: [&str; 6] = ["--tenant", "acme", "--at", "server.env", "--id", "7"];

/// A home with a set of two variables. What a test waits for ends in a point: a line that ends in a
/// letter may be held back with its end, since the value in base64 may begin with that letter.
struct Set {
    bench: Bench,
    token: String,
}

impl Set {
    fn new() -> Self {
        let (bench, token) = (Bench::new(), random_text(40));
        let file = format!("TOKEN={token}\nMODE=production-like\n");
        bench.seal("server.env", "7", "env", file.as_bytes()).ok();
        Self { bench, token }
    }

    fn command(&self, options: &[&str], command: &[&str]) -> Command {
        let words = [&["run"], &SLOT[..], options, &["--"], command].concat();
        self.bench.keyward(&words)
    }

    fn sh(&self, script: &str) -> Ran {
        finish(self.command(&[], &["sh", "-c", script]), b"")
    }

    #[track_caller]
    fn clean(&self, ran: &Ran) {
        let leaks = Leaks::of(self.token.as_bytes());
        assert!(!leaks.in_bytes(&ran.0.stdout), "{}", ran.text());
        assert!(!leaks.in_bytes(&ran.0.stderr), "{}", ran.said());
    }
}

#[test]
fn both_streams_are_masked_and_the_exit_code_is_passed_on() {
    let set = Set::new();
    let ran = set.sh("printf 'a %s b' \"$TOKEN\"; printf 'e %s' \"$TOKEN\" >&2; exit 7");
    assert_eq!((ran.code(), ran.text().as_str()), (7, "a ••• b"));
    assert_eq!(ran.said(), "e •••");
    // Standard input is the command's.
    let ran = finish(set.command(&[], &["cat"]), set.token.as_bytes());
    assert_eq!(ran.ok().text(), "•••");
    let named = set.command(&["--named"], &["sh", "-c", "echo $TOKEN"]);
    assert_eq!(
        finish(named, b"").ok().text(),
        "•acme server.env 7 TOKEN•\n"
    );
}

#[test]
fn the_command_has_the_callers_environment_and_nothing_of_keywards() {
    let set = Set::new();
    let mut command = set.command(
        &[],
        &["sh", "-c", "env; tr '\\0' '\\n' < /proc/$PPID/environ"],
    );
    let root = std::fs::read_to_string(set.bench.home().join("root")).unwrap();
    command
        .env("KEYWARD_ROOT", root.trim())
        .env("OTHERS", "own")
        .env("MODE", "x");
    let ran = finish(command, b"").ok();
    let (own, of_keyward) = ran
        .text()
        .split_once("KEYWARD_")
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .unwrap();
    assert!(
        own.contains("OTHERS=own\n") && own.contains("MODE=•••\n"),
        "{own}"
    );
    // The command looked into the environment of keyward, where the root is.
    assert!(of_keyward.contains("ROOT=v1:•••\n"), "{of_keyward}");
    let key = root.trim().strip_prefix("v1:").unwrap();
    assert!(!Leaks::of(key.as_bytes()).in_bytes(ran.out()));
    // Also where no file holds it.
    let path = set.bench.home().join("root");
    std::fs::rename(&path, path.with_extension("moved")).unwrap();
    let mut command = set.command(&[], &["sh", "-c", "tr '\\0' '\\n' < /proc/$PPID/environ"]);
    command.env("KEYWARD_ROOT", root.trim());
    let ran = finish(command, b"").ok();
    assert!(
        ran.text().contains("KEYWARD_ROOT=v1:•••\n"),
        "{}",
        ran.text()
    );
    std::fs::rename(path.with_extension("moved"), &path).unwrap();
    // And into the file that holds it.
    let ran = finish(set.command(&[], &["cat", path.to_str().unwrap()]), b"");
    assert_eq!(ran.ok().text(), "v1:•••\n");
}

#[test]
fn failures_of_its_own_are_125_and_others_126_and_127() {
    let set = Set::new();
    let fails = |options: &[&str], command: &[&str], code, part| {
        finish(set.command(options, command), b"").fails(code, part);
    };
    fails(&[], &["no-such-program"], 127, "no such command");
    fails(&[], &["/dev/null"], 126, "cannot be executed");
    fails(&["--as", "X"], &["true"], 125, "leave out --as");
    fails(&["--mask-anyway", "X"], &["true"], 125, "not in the set");
    fails(&["--grace", "x"], &["true"], 125, "number of seconds");
    fails(&["--role", "ops"], &["true"], 125, "role");
    set.bench
        .run(&[&["run"], &SLOT[..]].concat(), b"")
        .fails(125, "COMMAND");
    let none = Bench::empty();
    none.run(&[&["run"], &SLOT[..], &["--", "true"]].concat(), b"")
        .fails(125, "keys init");

    let key = random_text(30);
    set.bench
        .seal(
            "account.token",
            "1",
            "api-key",
            format!("{key}\n").as_bytes(),
        )
        .ok();
    let slot = [
        "run",
        "--tenant",
        "acme",
        "--at",
        "account.token",
        "--id",
        "1",
    ];
    let show = ["--", "sh", "-c", "echo ${#KEY} $KEY"];
    set.bench
        .run(&[&slot[..], &show].concat(), b"")
        .fails(125, "--as NAME");
    let ran = set
        .bench
        .run(&[&slot[..], &["--as", "KEY"], &show].concat(), b"")
        .ok();
    assert_eq!(ran.text(), "30 •••\n");
}

#[test]
fn what_cannot_be_executed_is_told_from_what_is_not_there() {
    let set = Set::new();
    for (script, code, part) in [
        ("echo hi\n", 126, "as in `sh SCRIPT`"),
        (
            "#!/no/such/interpreter\n",
            127,
            "no interpreter of that name",
        ),
    ] {
        // By another process: a file that this one has open to write, what another test starts at
        // that moment has open too, and it cannot be executed.
        let write = "printf %s \"$1\" > script && chmod 700 script";
        let mut shell = Command::new("sh");
        shell.args(["-c", write, "sh", script]);
        shell.current_dir(set.bench.folder());
        assert!(shell.status().unwrap().success());
        finish(set.command(&[], &["./script"]), b"").fails(code, part);
    }
    finish(set.command(&[], &["./script/in"]), b"").fails(126, "that you may execute");
    // The longest variable on Linux, MAX_ARG_STRLEN of execve(2), has 128 KiB.
    let long = format!("A={}\n", "x".repeat(131_072));
    let sealed = set.bench.seal("server.env", "7", "env", long.as_bytes());
    sealed.ok();
    let ran = finish(set.command(&[], &["true"]), b"");
    assert_eq!(ran.code(), 126);
    assert!(ran.said().ends_with("shorten them\n"), "{}", ran.said());
}

/// Whatever started it: a child whose end is not heard is looked at, and an end that does not block
/// is waited for.
#[test]
fn neither_blocked_signals_nor_ends_that_do_not_block_keep_anything_back() {
    const SESSION: &str = "
import os, signal, subprocess, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
out, outside = os.pipe()
os.set_blocking(outside, False)
run = subprocess.Popen(sys.argv[1:], stdout=outside, stdin=subprocess.DEVNULL, start_new_session=True)
os.close(outside)
count = 0
while piece := os.read(out, 65536):
    count += len(piece)
print(count, run.wait())
";
    if without("python3") {
        return;
    }
    let set = Set::new();
    let script = "head -c 1000000 /dev/zero; exec >&- 2>&-; read go; exit 5";
    let words = [
        &["-c", SESSION, super::support::KEYWARD, "run"],
        &SLOT[..],
        &["--", "sh", "-c", script],
    ];
    let mut python = set.bench.command("python3");
    python.args(words.concat());
    let ran = finish(python, b"").ok();
    assert_eq!(
        (ran.text().as_str(), ran.said().as_str()),
        ("1000000 5\n", "")
    );
}

#[test]
fn a_disk_that_is_full_is_said_and_ends_with_125() {
    let set = Set::new();
    let words = ["run", "--tenant", "acme", "--at", "server.env", "--id", "7"].join(" ");
    let line = format!("keyward {words} -- sh -c 'echo out; echo err >&2; exit 3' > /dev/full");
    let ran = set.bench.sh(&line, &[]);
    assert_eq!(ran.code(), 125);
    assert_eq!(
        ran.said(),
        "err\nkeyward: the output of the command cannot be written on\n"
    );
}

/// One loader takes two backslashes for one, and reads 7 bytes: not the one by which the command has
/// its variables.
#[test]
fn what_another_loader_would_read_is_not_warned_of() {
    let bench = Bench::new();
    let file = br#"A="1\\2\\3\\4"
B=1234567
"#;
    bench.seal("server.env", "7", "env", file).ok();
    let ran = bench.run(&[&["run"], &SLOT[..], &["--", "true"]].concat(), b"");
    assert_eq!(
        ran.ok().said(),
        "keyward: B is shorter than 8 bytes and is not masked: --mask-anyway B masks it\n"
    );
}

#[test]
fn what_is_short_or_common_is_named_and_masked_only_if_asked_for() {
    let bench = Bench::new();
    let file = b"PIN=4711\nMODE=production\nTOKEN=wJalrXUtnFEMI7MDENG\n";
    bench.seal("server.env", "7", "env", file).ok();
    let run = |options: &[&str]| {
        let show = ["--", "sh", "-c", "echo $PIN $MODE $TOKEN"];
        bench
            .run(&[&["run"], &SLOT[..], options, &show].concat(), b"")
            .ok()
    };
    let ran = run(&[]);
    assert_eq!(ran.text(), "4711 production •••\n");
    assert_eq!(
        ran.said(),
        "keyward: MODE is a common word and is not masked: --mask-anyway MODE masks it\n\
         keyward: PIN is shorter than 8 bytes and is not masked: --mask-anyway PIN masks it\n"
    );
    let ran = run(&["--mask-anyway", "PIN", "--mask-anyway", "MODE"]);
    assert_eq!(
        (ran.text().as_str(), ran.said().as_str()),
        ("••• ••• •••\n", "")
    );
    bench.seal("account.pin", "1", "opaque", b"4711").ok();
    let slot = [
        "run",
        "--tenant",
        "acme",
        "--at",
        "account.pin",
        "--id",
        "1",
        "--as",
        "PIN",
    ];
    let show = ["--mask-anyway", "PIN", "--", "sh", "-c", "echo $PIN"];
    assert_eq!(
        bench.run(&[&slot[..], &show].concat(), b"").ok().text(),
        "•••\n"
    );
}

#[test]
fn a_set_cannot_choose_what_code_is_run() {
    let set = Set::new();
    for name in [
        "LD_PRELOAD",
        "PATH",
        "BASH_ENV",
        "NODE_OPTIONS",
        "KEYWARD_HOME",
    ] {
        let file = format!("A=1\n{name}=/some/where\n");
        set.bench
            .seal("server.env", "7", "env", file.as_bytes())
            .ok();
        let run = |options: &[&str]| finish(set.command(options, &["/bin/echo", "ran"]), b"");
        run(&[]).fails(125, &format!("--allow {name}"));
        let ran = run(&["--allow", name]).ok();
        assert_eq!(ran.text(), "ran\n", "{name}");
    }
}

#[test]
fn an_end_by_a_signal_is_128_and_its_number() {
    let set = Set::new();
    let ran =
        set.sh("printf 'begun %s' \"$TOKEN\"; printf 'cut %.9s' \"$TOKEN\" >&2; kill -KILL $$");
    assert_eq!((ran.code(), ran.text().as_str()), (137, "begun •••"));
}

/// The command, with no signal ignored, whatever started this test.
fn unignored(set: &Set, command: &[&str]) -> Command {
    const RESET: &str = "
import os, signal, sys
for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
    signal.signal(number, signal.SIG_DFL)
os.execvp(sys.argv[1], sys.argv[1:])
";
    let words = [
        &["-c", RESET, super::support::KEYWARD, "run"],
        &SLOT[..],
        &["--"],
        command,
    ];
    let mut python = set.bench.command("python3");
    python.args(words.concat());
    python
}

#[test]
fn signals_are_passed_on_once() {
    if without("python3") {
        return;
    }
    let set = Set::new();
    for (signal, number) in [
        ("HUP", 1),
        ("INT", 2),
        ("QUIT", 3),
        ("USR1", 10),
        ("USR2", 12),
        ("WINCH", 28),
        ("TERM", 15),
    ] {
        let script = format!(
            "sleep 600 >/dev/null 2>&1 & \
             trap 'kill $!; echo \"got {signal} $TOKEN\"; exit {number}' {signal}; echo ready.; wait"
        );
        let mut child = unignored(&set, &["sh", "-c", &script]).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        assert_eq!(line, "ready.\n");
        let pid = child.id().to_string();
        let kill = Command::new("kill")
            .args([&format!("-{signal}"), &pid])
            .status();
        assert!(kill.unwrap().success());
        let mut rest = String::new();
        out.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, format!("got {signal} •••\n"));
        assert_eq!(child.wait().unwrap().code(), Some(number), "{signal}");
    }
}

#[test]
fn what_was_ignored_stays_ignored() {
    let set = Set::new();
    let words = ["run", "--tenant", "acme", "--at", "server.env", "--id", "7"].join(" ");
    let line = format!("trap '' HUP; exec keyward {words} -- grep SigIgn /proc/self/status");
    let ran = set.bench.sh(&line, &[]).ok();
    let mask = ran.text().trim().rsplit('\t').next().unwrap().to_owned();
    assert_eq!(u64::from_str_radix(&mask, 16).unwrap() & 1, 1, "{mask}");
}

#[test]
fn whoever_keeps_the_pipe_does_not_keep_the_command() {
    let set = Set::new();
    let script = "sleep 600 & echo $!; printf 'tail %s' \"$TOKEN\"; exit 4";
    let ran = finish(set.command(&["--grace", "0"], &["sh", "-c", script]), b"");
    assert_eq!(ran.code(), 4);
    let text = ran.text();
    let (pid, tail) = text.split_once('\n').unwrap();
    assert_eq!(tail, "tail •••");
    let _ = Command::new("kill").arg(pid).status();

    // It writes once the command has been waited for, and what it writes is masked.
    let script = "P=$$; (while kill -0 $P 2>/dev/null; do :; done; echo late $TOKEN) & exit 5";
    let ran = finish(set.command(&["--grace", "600"], &["sh", "-c", script]), b"");
    assert_eq!((ran.code(), ran.text().as_str()), (5, "late •••\n"));
}

#[test]
fn progress_is_seen_while_the_command_runs() {
    let set = Set::new();
    let script = "printf 'step 1 of 2.\\r'; read go; printf 'step 2 of 2 %s' \"$TOKEN\"";
    let mut child = set.command(&[], &["sh", "-c", script]).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut step = Vec::new();
    out.read_until(b'\r', &mut step).unwrap();
    assert_eq!(step, b"step 1 of 2.\r");
    child.stdin.take().unwrap().write_all(b"go\n").unwrap();
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "step 2 of 2 •••");
    assert!(child.wait().unwrap().success());
}

#[test]
fn bytes_one_by_one_a_closed_stream_and_a_flood_leave_nothing() {
    let set = Set::new();
    let ran = set.sh("printf '%s %s' \"$TOKEN\" \"$TOKEN\" | dd bs=1 2>/dev/null");
    assert_eq!(ran.ok().text(), "••• •••");

    let ran = set.sh("exec >&-; echo \"error $TOKEN\" >&2");
    assert_eq!((ran.code(), ran.said().as_str()), (0, "error •••\n"));

    let ran = set.sh("yes \"$TOKEN\" | head -n 7000 & yes \"x$TOKEN\" | head -n 7000 >&2; wait");
    set.clean(&ran);
    assert!(ran.text().starts_with("•••\n•••\n") && ran.said().starts_with("x•••\n"));
    assert_eq!(ran.text().lines().count(), 7000);
    assert!(ran.said().lines().all(|line| line == "x•••"));

    // Nobody reads on: the command is told as by any pipe.
    let words = ["run", "--tenant", "acme", "--at", "server.env", "--id", "7"].join(" ");
    let ran = set
        .bench
        .sh(
            &format!("{{ keyward {words} -- yes; echo \"code $?\" >&2; }} | head -n 1"),
            &[],
        )
        .ok();
    // SIGPIPE is 13, and that the reader has gone is no failure of keyward's.
    assert_eq!(
        (ran.text(), ran.said()),
        ("y\n".into(), "code 141\n".into())
    );
}

/// Where forms are long, what a long piece leaves undecided comes all the same.
#[test]
fn a_long_piece_is_seen_to_its_end_beside_a_long_value() {
    let set = Set::new();
    let file = format!("LONG={}\n", random_text(3_000));
    set.bench
        .seal("server.env", "8", "env", file.as_bytes())
        .ok();
    let words = [
        "run",
        "--tenant",
        "acme",
        "--at",
        "server.env",
        "--id",
        "8",
        "--",
    ];
    let script = "printf '%08000d.' 0; read go";
    let words = [&words[..], &["sh", "-c", script]].concat();
    let mut child = set.bench.keyward(&words).spawn().unwrap();
    let mut out = child.stdout.take().unwrap();
    let mut seen = [0; 8_001];
    out.read_exact(&mut seen).unwrap();
    assert!(seen.ends_with(b"0."));
    child.stdin.take().unwrap().write_all(b"go\n").unwrap();
    assert!(child.wait().unwrap().success());
}

/// What a terminal sends goes to the whole group, and must come once: twelve times, since two that
/// come close together may be taken for one. The terminal is a real one.
#[test]
fn each_key_at_the_terminal_interrupts_once() {
    const CHILD: &str = "
import os, signal, sys
signal.signal(signal.SIGINT, lambda *_: os.write(1, b'got INT.\\n'))
os.write(1, b'ready.\\n')
sys.stdin.readline()
sys.exit(9)
";
    const SESSION: &str = "
import os, pty, signal, sys
pid, terminal = pty.fork()
if pid == 0:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.execvp(sys.argv[1], sys.argv[1:])
seen = b''
def until(word, times=1):
    global seen
    while seen.count(word) < times:
        try:
            more = os.read(terminal, 4096)
        except OSError:
            break
        if not more:
            break
        seen += more
until(b'ready.')
for presses in range(1, 13):
    os.write(terminal, b'\\x03')
    until(b'got INT.', presses)
os.write(terminal, b'end\\n')
until(b'no such word')
_, status = os.waitpid(pid, 0)
print(seen.count(b'got INT'), os.WEXITSTATUS(status))
";
    if without("python3") {
        return;
    }
    let set = Set::new();
    let words = [
        &["-c", SESSION, super::support::KEYWARD, "run"],
        &SLOT[..],
        &["--", "python3", "-c", CHILD],
    ]
    .concat();
    let mut command = set.bench.command("python3");
    command.args(words).stdin(Stdio::piped());
    let ran = finish(command, b"").ok();
    assert_eq!(ran.text(), "12 9\n");
}

/// The values of a set as the program in Python is given them, and the set.
fn formed() -> (String, String) {
    let values = awkward_values(random_text);
    let file = values
        .iter()
        .map(|(name, value)| format!("{name}='{value}'\n"));
    (file.collect(), known_to_python(&values))
}

/// A program that shares no code with this one makes every form of every value in the command, and
/// looks for them again in what came out.
#[test]
fn a_program_in_python_finds_no_form_in_what_came_out() {
    if without("python3") {
        return;
    }
    const FORMS: &str = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../keyward-redact/tests/forms/forms.py"
    );
    let (bench, (file, known)) = (Bench::new(), formed());
    bench.seal("server.env", "7", "env", file.as_bytes()).ok();
    std::fs::write(bench.folder().join("known.json"), known).unwrap();
    let all = format!("python3 -B {FORMS} text known.json");
    let script = format!("set -e; {all}; {all} >&2; printf '%s' \"$PASSWORD\"");
    let line = [&["run"], &SLOT[..], &["--", "sh", "-c", &script]].concat();
    let ran = bench.run(&line, b"").ok();
    assert!(ran.out().len() > 10_000 && ran.0.stderr.len() > 10_000);
    for masked in [ran.0.stdout, ran.0.stderr] {
        let mut check = bench.command("python3");
        check.args(["-B", FORMS, "check", "known.json"]);
        let checked = finish(check, &masked).ok();
        assert!(
            checked.text().starts_with("3 secrets, ") && checked.text().ends_with(" 0 found\n"),
            "{}",
            checked.text()
        );
        // What is not secret stays.
        let text = String::from_utf8_lossy(&masked);
        assert!(text.matches(" end\n").count() > 100);
    }
    // The program does find what is there.
    let mut check = bench.command("python3");
    check.args(["-B", FORMS, "check", "known.json"]);
    let token = file.split('\'').nth(1).unwrap();
    let checked = finish(check, format!("x{token}").as_bytes());
    assert_eq!(checked.code(), 1, "{}", checked.text());
}

/// What one variable has of the other kinds: of an OAuth token the access token alone.
#[test]
fn one_variable_holds_what_its_kind_is_used_for() {
    let (bench, token) = (Bench::new(), random_text(40));
    let answer = format!(
        "{{\"access_token\":\"{token}\",\"token_type\":\"Bearer\",\"refresh_token\":\"{}\"}}",
        random_text(40)
    );
    bench
        .seal("server.env", "7", "oauth-token", answer.as_bytes())
        .ok();
    let show = ["--as", "T", "--", "sh", "-c", "echo ${#T} $T"];
    let run = || bench.run(&[&["run"], &SLOT[..], &show].concat(), b"");
    assert_eq!(run().ok().text(), "40 •••\n");
    bench.seal("server.env", "7", "opaque", b"with\0a NUL").ok();
    run().fails(125, "a NUL, which no variable can");
}

/// A signal to keyward, which a child of this process is.
fn signal(child: &std::process::Child, name: &str) {
    let pid = child.id().to_string();
    let _ = Command::new("kill").args([name, &pid]).status();
}

/// Waits until keyward has seen the end of its command.
fn until_it_has_no_child(keyward: &std::process::Child) {
    let pid = keyward.id();
    let path = format!("/proc/{pid}/task/{pid}/children");
    while !std::fs::read_to_string(&path).unwrap().trim().is_empty() {
        std::thread::yield_now();
    }
}

/// Two ends, and as much written into the second as it takes.
fn full_socket() -> (UnixStream, UnixStream) {
    let (unread, mut full) = UnixStream::pair().unwrap();
    full.set_nonblocking(true).unwrap();
    for size in [4096, 1] {
        while full.write(&[0; 4096][..size]).is_ok() {}
    }
    full.set_nonblocking(false).unwrap();
    (unread, full)
}

/// A command that signals who started it does not get its own signal back.
#[test]
fn a_signal_of_the_command_itself_is_not_passed_back() {
    let set = Set::new();
    let script = "sleep 600 >/dev/null 2>&1 & \
                  trap 'kill $!; exit 9' TERM; trap 'kill $!; exit 3' USR1; \
                  kill -TERM $PPID; echo sent.; wait";
    let mut child = set.command(&[], &["sh", "-c", script]).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    assert_eq!(line, "sent.\n");
    signal(&child, "-USR1");
    assert_eq!(child.wait().unwrap().code(), Some(3));
}

/// Once the command has ended: the first ends the grace, and the next gives up what is not read.
#[test]
fn signals_end_the_grace_and_then_the_waiting() {
    if !std::path::Path::new("/proc/self/task").is_dir() {
        return;
    }
    let set = Set::new();
    let script = "sleep 600 & echo $! .; exit 4";
    let command = set.command(&["--grace", "600"], &["sh", "-c", script]);
    let mut child = { command }.spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    until_it_has_no_child(&child);
    signal(&child, "-TERM");
    assert_eq!(child.wait().unwrap().code(), Some(4));
    let _ = Command::new("kill")
        .arg(line.trim_end_matches(" .\n"))
        .status();

    // Nobody reads what is written, and no byte more goes in. The command ends when some of what it
    // wrote was taken from it, since a pipe has no room for all.
    let (_unread, full) = full_socket();
    let script = "head -c 66000 /dev/zero; yes & echo taken. >&2; exit 4";
    let mut command = set.command(&["--grace", "600"], &["sh", "-c", script]);
    command.stdout(Stdio::from(OwnedFd::from(full)));
    let mut child = command.spawn().unwrap();
    let mut err = BufReader::new(child.stderr.take().unwrap());
    err.read_line(&mut line).unwrap();
    until_it_has_no_child(&child);
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        signal(&child, "-TERM");
    };
    assert_eq!(status.code(), Some(143));
}
