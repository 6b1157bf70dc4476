//! Random cases against an independent implementation, both ways: what it signs and damages we
//! judge, and what we sign and damage it judges. 20,000 in an ordinary run; with `KEYWARD_FULL`
//! 100,000.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64ct::{Base64, Encoding as _};
use keyward_base::SecretBytes;
use keyward_testkit::tools::without;
use proptest::prelude::{Just, Strategy, any, prop, prop_oneof};
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use crate::kit::{Kit, NOW, Request};
use crate::vectors::case;

const SCHEMES: [&str; 4] = ["github", "slack", "standard-webhooks", "stripe"];

/// Of each scheme, in each direction.
fn each_way() -> usize {
    let full = std::env::var_os("KEYWARD_FULL").is_some();
    let all = if full { 100_000 } else { 20_000 };
    all / (2 * SCHEMES.len())
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/differential.py")
}

fn python(arguments: &[&str]) -> Command {
    let mut command = Command::new("python3");
    command.arg("-B").arg(script()).args(arguments);
    command
}

fn ours(kit: &Kit, secret: &SecretBytes, request: &Request) -> bool {
    let mut secrets = kit.hook.secrets();
    secrets.add("only", None, secret).unwrap();
    kit.verify(&secrets, request).is_ok()
}

fn they_sign(name: &str) {
    let count = each_way();
    let mut child = python(&["generate", "7", &count.to_string(), name])
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 is needed, or `cargo xtask test --without python3`");
    let kit = Kit::named(name);
    let (mut right, mut seen) = (0, 0);
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        let (case, secret, request) = case(&line);
        let theirs = case["verdict"].as_bool().unwrap();
        assert_eq!(ours(&kit, &secret, &request), theirs, "{line}");
        right += usize::from(theirs);
        seen += 1;
    }
    assert!(child.wait().unwrap().success());
    assert_eq!(seen, count);
    assert!(
        right > count / 5 && right < count * 4 / 5,
        "{name}: {right} right"
    );
}

#[derive(Clone, Debug)]
enum Damage {
    None,
    Byte(u16, u8),
    Cut(u16),
    More(Vec<u8>),
    Twice,
    Other(Vec<u8>),
    Gone,
    Body(u16, u8),
    Later(i32),
}

fn damage() -> impl Strategy<Value = Damage> {
    let visible = || prop_oneof![33_u8..127, Just(b'='), Just(b','), Just(b' '), Just(b'.')];
    prop_oneof![
        4 => Just(Damage::None),
        2 => (any::<u16>(), visible()).prop_map(|(at, to)| Damage::Byte(at, to)),
        1 => any::<u16>().prop_map(Damage::Cut),
        1 => prop::collection::vec(visible(), 1..4).prop_map(Damage::More),
        1 => Just(Damage::Twice),
        1 => prop::collection::vec(visible(), 0..4).prop_map(Damage::Other),
        1 => Just(Damage::Gone),
        1 => (any::<u16>(), any::<u8>()).prop_map(|(at, to)| Damage::Body(at, to)),
        2 => prop_oneof![-62_i32..62, 298..303, any::<i32>()].prop_map(Damage::Later),
    ]
}

fn spoil(mut request: Request, which: usize, damage: Damage) -> Request {
    let which = which % request.headers.len();
    let at = |at: u16, len: usize| usize::from(at) % len.max(1);
    let value = &mut request.headers[which].1;
    match damage {
        Damage::None => {}
        Damage::Byte(place, to) if !value.is_empty() => {
            let place = at(place, value.len());
            value[place] = to;
        }
        Damage::Cut(place) => value.truncate(at(place, value.len())),
        Damage::More(more) => value.extend(more),
        Damage::Twice => {
            let line = request.headers[which].clone();
            request.headers.push(line);
        }
        Damage::Other(value) => {
            let name = request.headers[which].0.clone();
            request.headers.push((name, value));
        }
        Damage::Gone => drop(request.headers.remove(which)),
        Damage::Body(place, to) if !request.body.is_empty() => {
            let place = at(place, request.body.len());
            request.body[place] = to;
        }
        Damage::Later(by) => request.now = request.now.saturating_add_signed(by.into()),
        Damage::Byte(..) | Damage::Body(..) => {}
    }
    request
}

fn line(name: &str, secret: &SecretBytes, request: &Request) -> String {
    let latin = |bytes: &[u8]| bytes.iter().copied().map(char::from).collect::<String>();
    let header = |(name, value): &(String, Vec<u8>)| serde_json::json!([name, latin(value)]);
    serde_json::json!({
        "scheme": name,
        "secret": latin(secret.expose()),
        "now": request.now,
        "headers": request.headers.iter().map(header).collect::<Vec<_>>(),
        "body": Base64::encode_string(&request.body),
    })
    .to_string()
}

fn we_sign(name: &str) {
    let (kit, count) = (Kit::named(name), each_way());
    let mut runner = TestRunner::deterministic();
    let cases = (
        prop::collection::vec(any::<u8>(), 0..130),
        prop::collection::vec(any::<u8>(), 16..70),
        any::<usize>(),
        damage(),
    );
    let mut child = python(&["verify"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 is needed, or `cargo xtask test --without python3`");
    let mut to = child.stdin.take().unwrap();
    let answers = BufReader::new(child.stdout.take().unwrap());
    let answers =
        std::thread::spawn(move || answers.lines().map(Result::unwrap).collect::<Vec<_>>());
    let mut verdicts = Vec::new();
    for _ in 0..count {
        let (body, key, which, damage) = cases.new_tree(&mut runner).unwrap().current();
        let key = Base64::encode_string(&key);
        let secret = SecretBytes::new(match name {
            "stripe" | "standard-webhooks" => format!("whsec_{key}").into_bytes(),
            _ => key.into_bytes(),
        });
        let request = spoil(kit.signed(&secret, NOW, &body), which, damage);
        let line = line(name, &secret, &request);
        writeln!(to, "{line}").unwrap();
        verdicts.push((ours(&kit, &secret, &request), line));
    }
    drop(to);
    let answers = answers.join().unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(answers.len(), count);
    let mut right = 0;
    for ((ours, line), theirs) in verdicts.into_iter().zip(answers) {
        assert_eq!(if ours { "1" } else { "0" }, theirs, "{line}");
        right += usize::from(ours);
    }
    assert!(
        right > count / 5 && right < count * 4 / 5,
        "{name}: {right} right"
    );
}

#[test]
fn what_they_sign() {
    if without("python3") {
        println!("SKIPPED: --without python3");
        return;
    }
    std::thread::scope(|scope| {
        for name in SCHEMES {
            scope.spawn(move || they_sign(name));
        }
    });
}

#[test]
fn what_we_sign() {
    if without("python3") {
        println!("SKIPPED: --without python3");
        return;
    }
    std::thread::scope(|scope| {
        for name in SCHEMES {
            scope.spawn(move || we_sign(name));
        }
    });
}
