//! Proofs as files.

use keyward_audit::proof::MAX_HASHES;
use keyward_audit::reason::{BAD_PROOF, NOT_PROVED};
use keyward_audit::tree::{leaf, prove};
use keyward_audit::{Checkpoint, KeyName, Others, Proof};
use keyward_base::Reason;

use crate::notes::{signed, signer};
use crate::trees::{Tree, provider};

/// That entry 5 is in a log of 11.
fn proof() -> Proof {
    let mut tree = Tree::of((0..11_u8).map(|i| leaf(&provider(), &[i])));
    let checkpoint = Checkpoint {
        origin: KeyName::new("example.org/log").unwrap(),
        size: 11,
        root: tree.root(),
    };
    Proof {
        index: 5,
        hashes: prove::inclusion(&provider(), &mut tree, 5, 11).unwrap(),
        checkpoint: signed(&checkpoint.text(), &[("example.org/log", 6)]).unwrap(),
    }
}

fn check(text: &str, bytes: &[u8]) -> Result<Checkpoint, Reason> {
    let keys = [signer("example.org/log", 6).0];
    let proof = Proof::parse(text).map_err(|e| e.reason().unwrap())?;
    assert_eq!(proof.text(), text);
    proof
        .check(&provider(), &keys, Others::Refused, bytes)
        .map_err(|e| e.reason().unwrap())
}

#[test]
fn a_proof_is_written_read_and_checked() {
    let text = proof().text();
    assert!(text.starts_with("c2sp.org/tlog-proof@v1\nindex 5\n"));
    let checkpoint = check(&text, &[5]).unwrap();
    assert_eq!(checkpoint.size, 11);
    assert_eq!(check(&text, &[6]), Err(NOT_PROVED));
    assert_eq!(
        check(&text.replace("index 5", "index 6"), &[5]),
        Err(NOT_PROVED)
    );
}

#[test]
fn what_is_no_proof_is_refused() {
    let text = proof().text();
    let line = text.lines().nth(2).unwrap();
    let many = format!("{line}\n").repeat(MAX_HASHES + 1);
    let forms = [
        String::new(),
        text.replace("@v1", "@v2"),
        text.replace("index 5", "extra AAAA\nindex 5"),
        text.replace("index 5", "index 05"),
        text.replace("index 5", "index"),
        text.replace("index 5\n", ""),
        text.replace(line, &line.replace('=', "")),
        text.replace(line, ""),
        text.replace("index 5\n", &format!("index 5\n{many}")),
        format!("{text}{}", "x".repeat(64 * 1024)),
    ];
    for form in forms {
        let refused = Proof::parse(&form).map(|proof| proof.text() != form);
        match refused {
            Err(e) => assert_eq!(e.reason(), Some(BAD_PROOF), "{form}"),
            // An empty line ends the hashes: what follows is no checkpoint.
            Ok(_) => assert!(check(&form, &[5]).is_err(), "{form}"),
        }
    }
}
