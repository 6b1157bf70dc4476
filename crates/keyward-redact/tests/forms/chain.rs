//! A program in Python makes the forms, and finds none of them in what comes out.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use keyward_redact::Redactor;

use crate::{name, random};

fn python(arguments: &[&str]) -> Command {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/forms/forms.py");
    let mut command = Command::new("python3");
    command.arg("-B").arg(script).args(arguments);
    command
}

fn said(command: &mut Command) -> Vec<u8> {
    let output = command.stderr(Stdio::inherit()).output();
    let output = output.expect("python3 is needed, or `cargo xtask test --without python3`");
    assert!(output.status.success());
    output.stdout
}

/// Random secrets, in the file that is given to the program, and all known to a redactor.
fn secrets(seed: &str, file: &Path) -> Redactor {
    let json = said(&mut python(&["secrets", seed]));
    std::fs::write(file, &json).unwrap();
    let secrets: Vec<serde_json::Value> = serde_json::from_slice(&json).unwrap();
    let redactor = Redactor::new(random).unwrap();
    for secret in &secrets {
        let hex = secret["hex"].as_str().unwrap();
        let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        let value: Vec<u8> = (0..hex.len()).step_by(2).map(byte).collect();
        let called = name(secret["name"].as_str().unwrap());
        redactor.add(&called, &value).unwrap();
    }
    redactor
}

#[test]
fn a_program_in_python_finds_no_form_that_it_makes() {
    if keyward_testkit::tools::without("python3") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secrets.json");
    let redactor = secrets("8", &file);
    let given = file.to_str().unwrap();
    let text = said(&mut python(&["text", given]));

    let mut stream = redactor.stream(Vec::new());
    for (at, piece) in text.chunks(4093).enumerate() {
        stream.write_all(piece).unwrap();
        if at % 3 == 0 {
            stream.flush().unwrap();
        }
    }
    let masked = stream.finish().unwrap();

    let mut check = python(&["check", given]);
    let check = check.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut check = check.spawn().unwrap();
    check.stdin.take().unwrap().write_all(&masked).unwrap();
    let output = check.wait_with_output().unwrap();
    let found = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{found}");
    assert!(found.starts_with("38 secrets, "), "{found}");
    // What is not secret stays: the lines around the forms.
    let ends = |text: &[u8]| text.windows(5).filter(|w| w == b" end\n").count();
    assert_eq!(ends(&masked), ends(&text));
}
