//! One defect at a time: each refused, and for the reason that it is.

use keyward_base::{SecretBytes, Timestamp};
use keyward_webhook::scheme::{List, Proof};

use crate::kit::{BODY, Kit, NOW, Request, secret};

const AMBIGUOUS: &str = "webhook-header-ambiguous";
const BAD_ID: &str = "webhook-id-malformed";
const BAD_SIGNATURE: &str = "webhook-signature-malformed";
const BAD_TIME: &str = "webhook-time-malformed";
const FUTURE: &str = "webhook-time-in-the-future";
const LONG: &str = "webhook-header-too-long";
const MISSING: &str = "webhook-header-missing";
const NO_SIGNATURE: &str = "webhook-signature-missing";
const NO_TIME: &str = "webhook-time-missing";
const STALE: &str = "webhook-time-stale";
const WRONG: &str = "not-authentic-for-this-context";

type Defect = (&'static str, Request, &'static str);

fn text(value: &[u8]) -> String {
    String::from_utf8(value.to_vec()).unwrap()
}

/// The part of a signature header that is the tag.
fn tag_of(kit: &Kit, value: &str) -> (String, String) {
    let at = match kit.list().unwrap() {
        List::One { prefix } => prefix.len(),
        List::Pairs { .. } => value.find("v1=").unwrap() + 3,
        List::Versions { version } => version.len() + 1,
    };
    (value[..at].to_owned(), value[at..].to_owned())
}

fn flipped(tag: &str) -> String {
    let first = if tag.starts_with('0') { "1" } else { "0" };
    format!("{first}{}", &tag[1..])
}

fn of_every_proof(kit: &Kit) -> Vec<Defect> {
    let (right, header) = (kit.request(), kit.signature_header());
    let value = text(right.value(&header).unwrap());
    let long = "x".repeat(8193);
    let mut defects = vec![
        ("no header", right.clone().without(&header), MISSING),
        (
            "a second, other line",
            right.clone().and(&header, "sha256=00"),
            AMBIGUOUS,
        ),
        (
            "a line of more than 8 KiB",
            right.clone().with(&header, long.as_str()),
            LONG,
        ),
        (
            "the header in another's place",
            {
                right
                    .clone()
                    .without(&header)
                    .and("x-signature", value.as_str())
            },
            MISSING,
        ),
        (
            "a body above the limit",
            {
                let mut long = right.clone();
                long.body = vec![b'a'; kit.hook.scheme().body_limit + 1];
                long
            },
            "webhook-body-too-long",
        ),
    ];
    if let Some(id) = &kit.hook.scheme().headers[0].id {
        defects.extend([
            ("an empty id", right.clone().with(id, ""), BAD_ID),
            (
                "an id with a space",
                right.clone().with(id, "msg 1"),
                BAD_ID,
            ),
            (
                "an id of 256 bytes",
                right.clone().with(id, "m".repeat(256)),
                BAD_ID,
            ),
            (
                "an id that is no ASCII",
                right.clone().with(id, "m\u{e9}"),
                BAD_ID,
            ),
            ("two ids", right.clone().and(id, "msg_2"), AMBIGUOUS),
        ]);
    }
    if let Some(event) = &kit.hook.scheme().headers[0].event {
        defects.extend([
            (
                "two events",
                right.clone().with(event, "push").and(event, "ping"),
                AMBIGUOUS,
            ),
            (
                "an event with a tab",
                right.clone().with(event, "a\tb"),
                BAD_ID,
            ),
        ]);
    }
    defects
}

fn of_tokens(kit: &Kit) -> Vec<Defect> {
    let (right, header) = (kit.request(), kit.signature_header());
    let value = text(right.value(&header).unwrap());
    vec![
        ("no token", right.clone().with(&header, ""), WRONG),
        (
            "the front of it",
            right.clone().with(&header, &value[..value.len() - 1]),
            WRONG,
        ),
        (
            "more than it",
            right.clone().with(&header, format!("{value}0")),
            WRONG,
        ),
        (
            "another case",
            right.clone().with(&header, value.to_uppercase()),
            WRONG,
        ),
        (
            "another token",
            kit.signed(&secret(&kit.hook.scheme().key, 9), NOW, BODY),
            WRONG,
        ),
    ]
}

fn of_signatures(kit: &Kit) -> Vec<Defect> {
    let (right, header) = (kit.request(), kit.signature_header());
    let value = text(right.value(&header).unwrap());
    let (front, tag) = tag_of(kit, &value);
    let put = |value: String| right.clone().with(&header, value);
    let body = |body: Vec<u8>| Request {
        body,
        ..right.clone()
    };
    let none = match kit.list().unwrap() {
        List::One { .. } | List::Pairs { .. } => BAD_SIGNATURE,
        _ => NO_SIGNATURE,
    };
    let other_version = match kit.list().unwrap() {
        List::One { .. } => BAD_SIGNATURE,
        _ => NO_SIGNATURE,
    };
    let other = kit.signed(&secret(&kit.hook.scheme().key, 9), NOW, BODY);
    vec![
        ("an empty header", put(String::new()), none),
        (
            "no tag behind the prefix",
            put(front.clone()),
            BAD_SIGNATURE,
        ),
        (
            "a tag without its last character",
            put(format!("{front}{}", &tag[..tag.len() - 1])),
            BAD_SIGNATURE,
        ),
        (
            "half a tag",
            put(format!("{front}{}", &tag[..tag.len() / 2])),
            BAD_SIGNATURE,
        ),
        (
            "a tag and two more",
            put(format!("{value}00")),
            BAD_SIGNATURE,
        ),
        (
            "a tag with a foreign character",
            put(format!("{front}!{}", &tag[1..])),
            BAD_SIGNATURE,
        ),
        (
            "a tag behind a space",
            put(format!("{front} {tag}")),
            BAD_SIGNATURE,
        ),
        (
            "a tag twice in a row",
            put(format!("{front}{tag}{tag}")),
            BAD_SIGNATURE,
        ),
        (
            "another tag",
            put(format!("{front}{}", flipped(&tag))),
            WRONG,
        ),
        ("another secret", other, WRONG),
        (
            "another version",
            put(value
                .replace("sha256=", "sha1=")
                .replace("v1", "v2")
                .replace("v0", "v1")),
            { if front.is_empty() { "" } else { other_version } },
        ),
        (
            "the version in capitals",
            put(value.replace("sha256", "SHA256").replace('v', "V")),
            { if front.is_empty() { "" } else { other_version } },
        ),
        (
            "a body without its last byte",
            body(BODY[..BODY.len() - 1].to_vec()),
            WRONG,
        ),
        (
            "a body and a line feed",
            body([BODY, b"\n"].concat()),
            WRONG,
        ),
        (
            "a body with one bit changed",
            body([b"[", &BODY[1..]].concat()),
            WRONG,
        ),
        (
            "a body written anew",
            body(BODY.iter().copied().filter(|b| *b != b' ').collect()),
            WRONG,
        ),
        ("no body", body(Vec::new()), WRONG),
        (
            "a body behind a byte order mark",
            body([b"\xef\xbb\xbf", BODY].concat()),
            WRONG,
        ),
    ]
    .into_iter()
    .filter(|(_, _, reason)| !reason.is_empty())
    .collect()
}

fn of_lists(kit: &Kit) -> Vec<Defect> {
    let (right, header) = (kit.request(), kit.signature_header());
    let value = text(right.value(&header).unwrap());
    let (front, tag) = tag_of(kit, &value);
    let put = |value: String| right.clone().with(&header, value);
    let many = "webhook-signatures-too-many";
    match kit.list().unwrap() {
        List::Pairs { .. } => vec![
            (
                "17 signatures",
                put(format!("{value}{}", format!(",v1={tag}").repeat(16))),
                many,
            ),
            (
                "two times",
                put(format!("t={},{value}", NOW - 1)),
                AMBIGUOUS,
            ),
            ("no time", put(format!("v1={tag}")), NO_TIME),
            (
                "a pair that is none",
                put(format!("{value},v1")),
                BAD_SIGNATURE,
            ),
            (
                "pairs between semicolons",
                put(value.replace(',', ";")),
                NO_SIGNATURE,
            ),
        ],
        List::Versions { .. } => vec![
            (
                "17 signatures",
                put(format!("{value}{}", format!(" {value}").repeat(16))),
                many,
            ),
            (
                "the letters of base64url",
                put(format!("{front}-{}", &tag[1..])),
                BAD_SIGNATURE,
            ),
            (
                "no padding",
                put(value.trim_end_matches('=').to_owned()),
                BAD_SIGNATURE,
            ),
            (
                "a version without a comma",
                put(value.replace(',', "")),
                NO_SIGNATURE,
            ),
        ],
        _ => Vec::new(),
    }
}

fn of_times(kit: &Kit) -> Vec<Defect> {
    let right = kit.request();
    let at = |now: u64| Request {
        now,
        ..right.clone()
    };
    let mut defects = vec![
        ("301 seconds late", at(NOW + 301), STALE),
        ("61 seconds early", at(NOW - 61), FUTURE),
    ];
    let header = kit.signature_header();
    let time = kit.hook.scheme().headers[0].time.clone();
    let put = |text: String| match &time {
        Some(name) => right.clone().with(name, text),
        None => {
            let value = text_of(&right, &header).replace(&NOW.to_string(), &text);
            right.clone().with(&header, value)
        }
    };
    for (what, text) in [
        ("a time with a plus", format!("+{NOW}")),
        ("a time with a minus", format!("-{NOW}")),
        (
            "the least number of 64 bits as a time",
            i64::MIN.to_string(),
        ),
        ("a time with a leading zero", format!("0{NOW}")),
        ("a time with a space", format!(" {NOW}")),
        ("a time with a fraction", format!("{NOW}.0")),
        ("a time in hexadecimal", format!("{NOW:#x}")),
        ("an empty time", String::new()),
        ("a time of 16 digits", format!("{NOW}000000")),
        ("a date as a time", "2026-11-18T12:00:00Z".to_owned()),
    ] {
        defects.push((what, put(text), BAD_TIME));
    }
    defects.push(("a time in milliseconds", put(format!("{NOW}000")), FUTURE));
    defects.push((
        "another time within the window",
        put((NOW - 1).to_string()),
        WRONG,
    ));
    if let Some(name) = &time {
        defects.push(("no time", right.clone().without(name), MISSING));
        defects.push((
            "two times",
            right.clone().and(name, (NOW - 1).to_string()),
            AMBIGUOUS,
        ));
    }
    defects
}

fn text_of(request: &Request, header: &str) -> String {
    text(request.value(header).unwrap())
}

fn of_signed_ids(kit: &Kit) -> Vec<Defect> {
    let right = kit.request();
    let id = kit.hook.scheme().headers[0].id.clone().unwrap();
    vec![
        ("no id", right.clone().without(&id), MISSING),
        ("another id", right.clone().with(&id, "msg_2"), WRONG),
        ("an id with a dot", right.with(&id, "msg.1"), BAD_ID),
    ]
}

fn defects(kit: &Kit) -> Vec<Defect> {
    let mut defects = of_every_proof(kit);
    let Proof::Hmac(proof) = &kit.hook.scheme().proof else {
        defects.extend(of_tokens(kit));
        return defects;
    };
    defects.extend(of_signatures(kit));
    defects.extend(of_lists(kit));
    if proof.time.is_some() {
        defects.extend(of_times(kit));
    }
    if kit
        .list()
        .is_some_and(|list| matches!(list, List::Versions { .. }))
    {
        defects.extend(of_signed_ids(kit));
    }
    defects
}

#[test]
fn each_is_refused_for_its_reason() {
    for kit in Kit::all() {
        assert_eq!(
            kit.verdict(&kit.request()),
            Ok("first".into()),
            "{}",
            kit.name()
        );
        let defects = defects(&kit);
        let least = if kit.list().is_some() { 20 } else { 15 };
        assert!(defects.len() >= least, "{}: {}", kit.name(), defects.len());
        for (what, request, reason) in defects {
            let verdict = kit.verdict(&request);
            assert_eq!(verdict, Err(reason.to_owned()), "{}: {what}", kit.name());
        }
    }
}

/// What looks like a defect and is none.
#[test]
fn what_passes() {
    for kit in Kit::all() {
        let (right, header) = (kit.request(), kit.signature_header());
        let mut twice = right.clone();
        twice.headers.extend(right.headers.clone());
        assert_eq!(
            kit.verdict(&twice),
            Ok("first".into()),
            "{}: lines twice",
            kit.name()
        );
        let second = kit.request_of(2, b"");
        assert_eq!(
            kit.verdict(&second),
            Ok("second".into()),
            "{}: no body",
            kit.name()
        );
        let Some(list) = kit.list() else { continue };
        let value = text_of(&right, &header);
        let (front, tag) = tag_of(&kit, &value);
        let list = match list {
            List::One { .. } => vec![format!("{front}{}", tag.to_uppercase())],
            List::Pairs { .. } => vec![
                format!("{value},v0=00,v1=zz,v1={}", "0".repeat(64)),
                format!("v1={},{value}", "0".repeat(64)),
                format!("{value}{}", format!(",v1={tag}").repeat(15)),
                format!("t={NOW},{value}"),
            ],
            _ => vec![
                format!("v1a,AAAA v1, v1,zz {value}"),
                format!("{value} {}", value.replace("v1,", "v2,")),
                format!("{value}{}", format!(" {value}").repeat(15)),
            ],
        };
        for value in list {
            let request = right.clone().with(&header, value.as_str());
            assert_eq!(
                kit.verdict(&request),
                Ok("first".into()),
                "{}: {value}",
                kit.name()
            );
        }
    }
    for name in [
        "stripe",
        "slack",
        "standard-webhooks",
        "svix",
        "resend",
        "gitlab-signed",
    ] {
        let kit = Kit::named(name);
        for now in [NOW - 60, NOW, NOW + 300] {
            let request = Request {
                now,
                ..kit.request()
            };
            assert_eq!(kit.verdict(&request), Ok("first".into()), "{name} at {now}");
        }
    }
}

/// `svix` takes the headers of Standard Webhooks only where none of its own came.
#[test]
fn which_headers_svix_takes() {
    let (svix, standard) = (Kit::named("svix"), Kit::named("standard-webhooks"));
    let plain = standard.request();
    assert_eq!(svix.verdict(&plain), Ok("first".into()));
    assert_eq!(Kit::named("resend").verdict(&plain), Err(MISSING.into()));
    for name in ["svix-id", "svix-timestamp"] {
        let mixed = plain.clone().and(name, "1");
        assert_eq!(svix.verdict(&mixed), Err(MISSING.into()), "{name}");
    }
    let mixed = plain.clone().and("svix-signature", "v1,AAAA");
    assert_eq!(svix.verdict(&mixed), Err(BAD_SIGNATURE.into()));
    let mut both = svix.request();
    both.headers
        .extend(plain.with("webhook-signature", "v1,AAAA").headers);
    assert_eq!(svix.verdict(&both), Ok("first".into()));
}

/// GitLab's page proposes to fall back to the token; a request without a signature is refused.
#[test]
fn gitlab_signed_never_falls_back() {
    let (signed, token) = (Kit::named("gitlab-signed"), Kit::named("gitlab-token"));
    assert_eq!(signed.verdict(&token.request()), Err(MISSING.into()));
    let both = signed.request().and("x-gitlab-token", "anything");
    assert_eq!(signed.verdict(&both), Ok("first".into()));
    let mut forged = both.with("webhook-signature", format!("v1,{}", "A".repeat(43) + "="));
    forged.headers.extend(token.request().headers);
    assert_eq!(signed.verdict(&forged), Err(WRONG.into()));
}

#[test]
fn a_secret_that_ended_counts_no_more() {
    for kit in Kit::all() {
        let form = kit.hook.scheme().key.clone();
        let request = kit.request();
        let until = |seconds: u64| Some(Timestamp::from_millis(seconds * 1000));
        let mut secrets = kit.hook.secrets();
        assert_eq!(
            kit.verify(&secrets, &request),
            Err("Unavailable".into()),
            "none"
        );
        secrets.add("old", until(NOW), &secret(&form, 1)).unwrap();
        assert_eq!(
            kit.verify(&secrets, &request),
            Err("Unavailable".into()),
            "all ended"
        );
        secrets.add("new", None, &secret(&form, 2)).unwrap();
        assert_eq!(kit.verify(&secrets, &request), Err(WRONG.into()), "ended");
        assert_eq!(
            kit.verify(&secrets, &kit.request_of(2, BODY)),
            Ok("new".into())
        );

        let mut overlap = kit.hook.secrets();
        overlap
            .add("old", until(NOW + 1), &secret(&form, 1))
            .unwrap();
        overlap.add("new", None, &secret(&form, 2)).unwrap();
        let map = request.map();
        let received = kit.hook.receive(&map, request.now()).unwrap();
        let hook = received.verify(&overlap, &request.body).unwrap();
        assert_eq!((hook.key(), hook.key_until()), ("old", until(NOW + 1)));
    }
}

/// The same text is another key elsewhere.
#[test]
fn secrets_of_another_scheme_are_a_misuse() {
    let (stripe, svix) = (Kit::named("stripe"), Kit::named("svix"));
    assert_eq!(
        svix.verify(&stripe.secrets, &svix.request()),
        Err("Misuse".into())
    );
    let text = SecretBytes::copy_of(b"whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD");
    let mut secrets = stripe.hook.secrets();
    secrets.add("verbatim", None, &text).unwrap();
    let request = stripe.signed(&text, NOW, BODY);
    assert_eq!(stripe.verify(&secrets, &request), Ok("verbatim".into()));
}
