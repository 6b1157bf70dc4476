//! What people may choose.

#![allow(clippy::arithmetic_side_effects, clippy::unwrap_used)] // Tests: a panic is the report.

use std::io::{BufWriter, Cursor};
use std::sync::{Arc, Mutex};

use keyward_base::{BoxFuture, Error, ErrorKind, Result, SecretBytes, SystemClock, Tenant};
use keyward_password::breach::{
    BreachFile, Building, Fingerprint, MAX_RESPONSE, RangeApi, RangeClient, RangeRequest,
};
use keyward_password::people::{Judged, Rules, Unfit, Words};
use keyward_password::{Admission, Password, Passwords, Policy};

fn password(bytes: impl AsRef<[u8]>) -> Password {
    Password::new(SecretBytes::copy_of(bytes.as_ref())).unwrap()
}

fn fingerprint(bytes: impl AsRef<[u8]>) -> Fingerprint {
    Fingerprint::of(&password(bytes))
}

/// The end of the wait for a judgement: a runtime of one thread.
fn judge_all(rules: &Rules, words: &Words, bytes: impl AsRef<[u8]>) -> Result<Judged> {
    let clock = Arc::new(SystemClock::new());
    let passwords = Passwords::new(Policy::default(), Admission::default(), clock).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let tenant = Tenant::new("acme").unwrap();
    runtime.block_on(passwords.judge(&tenant, password(bytes), rules, words))
}

fn unfit(rules: &Rules, words: &Words, bytes: impl AsRef<[u8]>) -> Option<Unfit> {
    match judge_all(rules, words, bytes).unwrap() {
        Judged::Fit(_) => None,
        Judged::Unfit(unfit) => Some(unfit),
    }
}

#[test]
fn lengths() {
    let (alone, beside) = (Rules::new(), Rules::new().with_second_factor());
    let none = Words::new();
    for (rules, text, expected) in [
        (
            &alone,
            "fourteen chars".to_owned(),
            Some(Unfit::TooShort(15)),
        ),
        (&alone, "fifteen charact".to_owned(), None),
        (&beside, "seven c".to_owned(), Some(Unfit::TooShort(8))),
        (&beside, "eight ch".to_owned(), None),
        // Characters, not bytes.
        (&beside, "ééééééé".to_owned(), Some(Unfit::TooShort(8))),
        (&beside, "鍵鍵鍵鍵鍵鍵鍵鍵".to_owned(), None),
        (&alone, "a b ".repeat(256), None),
        (&alone, "a b ".repeat(256) + "c", Some(Unfit::TooLong)),
    ] {
        assert_eq!(unfit(rules, &none, &text), expected, "{text}");
    }
    assert_eq!(unfit(&alone, &none, [0xff; 15]), None);
    assert_eq!(unfit(&alone, &none, [0xff; 14]), Some(Unfit::TooShort(15)));
}

#[test]
fn words_that_anybody_knows() {
    let words = Words::new()
        .service("Deploydesk")
        .email("Ann.Großmann@mail.example.org")
        .name("Ann Großmann-Lee");
    let rules = Rules::new();
    for known in [
        "deploydeskdeploydesk",
        "DEPLOYDESK 2026!",
        "ann.großmann@mail.example.org",
        "AnnGROSSMANNlee1",
        "grossmann-example",
        "mail.example.org.ann",
        "Deploydesk-Ann-123",
    ] {
        assert_eq!(
            unfit(&rules, &words, known),
            Some(Unfit::ContextWords),
            "{known}"
        );
    }
    for own in [
        "ann likes correct horses",
        "my deploydesk battery staple",
        "nothing of it at all",
    ] {
        assert_eq!(unfit(&rules, &words, own), None, "{own}");
    }
}

fn file_of(words: &[&[u8]]) -> BreachFile {
    let mut building = Building::new(Cursor::new(Vec::new())).unwrap();
    building.add_words(words.iter().copied()).unwrap();
    let (out, _) = building.finish().unwrap();
    BreachFile::open(out).unwrap()
}

#[test]
fn a_file_of_breached_passwords() {
    let listed: Vec<Vec<u8>> = (0..1_000)
        .map(|at| format!("a breached password {at}").into_bytes())
        .collect();
    let words: Vec<&[u8]> = listed.iter().map(Vec::as_slice).collect();
    let file = file_of(&words);
    assert_eq!(file.len(), 1_000);
    for word in &listed {
        assert!(file.contains(&fingerprint(word)).unwrap());
    }
    for at in 1_000..2_000 {
        let other = format!("a breached password {at}");
        assert!(!file.contains(&fingerprint(other)).unwrap());
    }
    assert!(!file_of(&[]).contains(&fingerprint("x")).unwrap());
    let rules = Rules::new().breach_file(Arc::new(file));
    let none = Words::new();
    assert_eq!(
        unfit(&rules, &none, "a breached password 7"),
        Some(Unfit::Breached)
    );
    let Judged::Fit(fit) = judge_all(&rules, &none, "a password of my own").unwrap() else {
        panic!("refused");
    };
    assert!(fit.was_looked_up());
}

/// Lines of Pwned Passwords' list by hash; the second is of `password`.
const BY_HASH: &str = "000000005AD76BD555C1D6D771DE417A4B87E4B4:10\r\n\
    5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8:52256179\r\n\
    F7C3BC1D808E04732ADF679965CCC34CA7AE3441:3\r\n";

#[test]
fn a_file_from_the_list_by_hash() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("breached");
    let out = BufWriter::new(std::fs::File::create(&path).unwrap());
    let mut building = Building::new(out).unwrap();
    building.add_sha1s(BY_HASH.as_bytes(), 5).unwrap();
    assert_eq!(building.finish().unwrap().1, 2);
    let file = BreachFile::open(std::fs::File::open(&path).unwrap()).unwrap();
    assert!(file.contains(&fingerprint("password")).unwrap());
    // Seen three times only.
    assert!(!file.contains(&fingerprint("123456789")).unwrap());
    let whole = std::fs::read(&path).unwrap();
    for cut in [0, 23, 24, whole.len() - 1] {
        let e = BreachFile::open(Cursor::new(whole[..cut].to_vec())).unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Corrupt);
    }
    let mut other = whole;
    other[0] ^= 1;
    let e = BreachFile::open(Cursor::new(other)).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Corrupt);
}

#[test]
fn a_list_that_is_none_is_not_taken() {
    let lines: Vec<&str> = BY_HASH.lines().collect();
    let long = "0".repeat(200);
    for list in [
        [lines[1], lines[0]].join("\n"),
        lines[0].replace(':', ";"),
        lines[0].replace("10", "ten"),
        lines[0][1..].to_owned(),
        long,
    ] {
        let mut building = Building::new(Cursor::new(Vec::new())).unwrap();
        let e = building.add_sha1s(list.as_bytes(), 0).unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Misuse, "{list}");
    }
}

/// Answers as it is told, and keeps what it was asked.
#[derive(Clone, Debug)]
struct Answers(std::result::Result<Vec<u8>, ()>, Arc<Mutex<Vec<String>>>);

impl RangeClient for Answers {
    fn get<'a>(&'a self, request: &'a RangeRequest) -> BoxFuture<'a, Result<Vec<u8>>> {
        self.1.lock().unwrap().push(request.path().to_owned());
        let answer = self
            .0
            .clone()
            .map_err(|()| Error::unavailable("no network"));
        Box::pin(async { answer })
    }
}

fn asks(answer: std::result::Result<&str, ()>) -> (Rules, Arc<Mutex<Vec<String>>>) {
    let asked = Arc::default();
    let client = Answers(
        answer.map(|text| text.as_bytes().to_vec()),
        Arc::clone(&asked),
    );
    let rules = Rules::new().breach_check(Arc::new(RangeApi::new(client)));
    (rules, asked)
}

/// Lines of padding: they count 0.
const PADDED: &str = "0018A45C4D1DEF81644B54AB7F969B88D65:0\r\n\
    C6008F9CAB4083784CBD1874F76618D2A97:0\r\n";

#[test]
fn a_range_is_asked_by_five_digits() {
    let none = Words::new();
    let (rules, asked) = asks(Ok(PADDED));
    let rules = rules.with_second_factor();
    assert_eq!(unfit(&rules, &none, "password"), None);
    let listed = format!("{PADDED}1E4C9B93F3F0682250B6CF8331B7EE68FD8:52256179\r\n");
    let (rules, asked_again) = asks(Ok(&listed));
    let rules = rules.with_second_factor();
    assert_eq!(unfit(&rules, &none, "password"), Some(Unfit::Breached));
    for asked in [asked, asked_again] {
        assert_eq!(*asked.lock().unwrap(), ["/range/5BAA6"]);
    }
}

#[test]
fn a_padded_line_is_no_breach() {
    let wanted = fingerprint("password");
    let request = RangeRequest::of(&wanted);
    assert_eq!(request.path(), "/range/5BAA6");
    let of = |count: &str| format!("{PADDED}1E4C9B93F3F0682250B6CF8331B7EE68FD8:{count}\r\n");
    assert_eq!(
        request.count(&wanted, of("52256179").as_bytes()).unwrap(),
        52_256_179
    );
    assert_eq!(request.count(&wanted, of("0").as_bytes()).unwrap(), 0);
    assert_eq!(
        request
            .count(&wanted, of("7").to_lowercase().as_bytes())
            .unwrap(),
        7
    );
    assert_eq!(request.count(&wanted, PADDED.as_bytes()).unwrap(), 0);
    let long = "0018A45C4D1DEF81644B54AB7F969B88D65:0\r\n".repeat(MAX_RESPONSE / 39 + 1);
    for odd in [
        "",
        "<html>Too many requests</html>",
        "0018A45C4D1DEF81644B54AB7F969B88D6:0",
        "0018A45C4D1DEF81644B54AB7F969B88D65:-1",
        "0018A45C4D1DEF81644B54AB7F969B88D6G:1",
        &long,
    ] {
        let e = request.count(&wanted, odd.as_bytes()).unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Unavailable, "{odd:.60}");
    }
}

#[test]
fn when_nobody_can_be_asked() {
    let none = Words::new();
    for answer in [Err(()), Ok("<html>")] {
        let (rules, _) = asks(answer);
        let e = judge_all(&rules, &none, "a password of my own").unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Unavailable);
        let taken = judge_all(&rules.take_unchecked(), &none, "a password of my own").unwrap();
        assert!(matches!(taken, Judged::Fit(fit) if !fit.was_looked_up()));
    }
}

/// Only what was looked up says so: by a file, or by somebody who answered.
#[test]
fn what_was_looked_up_says_so() {
    let looked_up =
        |rules: &Rules| match judge_all(rules, &Words::new(), "a password of my own").unwrap() {
            Judged::Fit(fit) => Some(fit.was_looked_up()),
            Judged::Unfit(_) => None,
        };
    assert_eq!(looked_up(&Rules::new()), Some(false));
    assert_eq!(looked_up(&Rules::new().take_unchecked()), Some(false));
    let file = Rules::new().breach_file(Arc::new(file_of(&[b"another"])));
    assert_eq!(looked_up(&file), Some(true));
    let (answered, _) = asks(Ok(PADDED));
    assert_eq!(looked_up(&answered.take_unchecked()), Some(true));
    let (down, _) = asks(Err(()));
    assert_eq!(looked_up(&down.take_unchecked()), Some(false));
    // One that does not answer is enough, whatever the file says.
    let (down, _) = asks(Err(()));
    let both = down
        .take_unchecked()
        .breach_file(Arc::new(file_of(&[b"another"])));
    assert_eq!(looked_up(&both), Some(false));
    // What is listed is refused all the same.
    let file = Rules::new()
        .take_unchecked()
        .breach_file(Arc::new(file_of(&[b"a password of my own"])));
    assert_eq!(looked_up(&file), None);
}

#[cfg(feature = "strength")]
#[test]
fn what_is_soon_guessed() {
    let none = Words::new();
    let rules = Rules::new().guesses(10);
    for guessed in [
        "passwordpassword",
        "qwertyuiopasdfgh",
        "aaaaaaaaaaaaaaaaaaa",
    ] {
        assert_eq!(
            unfit(&rules, &none, guessed),
            Some(Unfit::Guessable),
            "{guessed}"
        );
    }
    assert_eq!(unfit(&rules, &none, "ostrich violet kettle ninth"), None);
    // The prefix alone is looked at, and it may end within no character.
    assert_eq!(
        unfit(&rules, &none, "a鍵".repeat(33)),
        Some(Unfit::Guessable)
    );
    assert_eq!(unfit(&rules, &none, [0xff; 20]), None);
}
