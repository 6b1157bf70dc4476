//! Kinds of an application's own, and those of approvals.

use keyward_audit::entry::{Number, Typed};
use keyward_audit::{Entry, Given, Kind, Kinds, Of, Type};
use keyward_base::audit::Outcome;
use keyward_base::{Actor, ErrorKind, Reason, Subject, Tenant, Timestamp};

use rusqlite::Connection;

use crate::world::{NOON, World};

fn shop() -> Kinds {
    let refund = Kind::new("shop.refund")
        .must("order", Type::Id(8))
        .must("cents", Type::Number)
        .may("why", Type::words(["damaged", "late"]))
        .may("whole", Type::Flag)
        .may("due", Type::Time)
        .may("letter", Type::Digest);
    Kinds::new("shop").unwrap().with(refund).unwrap()
}

const ORDER: (&str, Given<'_>) = ("order", Given::Id("A-17"));
const CENTS: (&str, Given<'_>) = ("cents", Given::Number(u64::MAX));

async fn only(world: &World, of: &Of) -> Entry {
    let page = world.audit.entries(of, 0, 10).await.unwrap();
    let [kept] = &page.entries[..] else {
        panic!("{:?}", page.entries);
    };
    kept.entry().unwrap().unwrap()
}

#[tokio::test]
async fn an_application_records_what_it_declared() {
    let world = World::new().await;
    let due = Timestamp::from_millis(7);
    let given = [
        ("letter", Given::Digest(&[0xab; 32])),
        ("due", Given::Time(due)),
        ("whole", Given::Flag(true)),
        ("why", Given::Word("late")),
        CENTS,
        ORDER,
    ];
    let staff = Actor::new(Subject::new("eve").unwrap()).staff();
    let acme = Tenant::new("acme").unwrap();
    let event = shop().event("shop.refund", Outcome::Granted, &given);
    let event = event.unwrap().by(staff).of(acme.clone());
    world.audit.require_own(event).await.unwrap();

    let of = Of::Tenant(acme);
    let entry = only(&world, &of).await;
    assert_eq!(
        (&*entry.action, &*entry.outcome),
        ("shop.refund", "granted")
    );
    assert_eq!(entry.at.0, NOON);
    let who = entry.actor.as_ref().unwrap();
    assert!(who.staff && who.subject == "eve");
    // In the order in which they were declared.
    let detail = [
        ("order", Typed::Id("A-17".to_owned())),
        ("cents", Typed::Number(Number(u64::MAX))),
        ("why", Typed::Word("late".to_owned())),
        ("whole", Typed::Flag(true)),
        ("due", Typed::Time(Number(7))),
        ("letter", Typed::Digest("ab".repeat(32))),
    ];
    assert_eq!(entry.detail, detail.map(|(name, of)| (name.to_owned(), of)));
    assert_eq!(world.verify(&of).await.unwrap(), 1);
}

#[tokio::test]
async fn what_was_not_declared_is_not_written() {
    let world = World::new().await;
    let kinds = shop();
    let refused = |action: &str, given: &[(&str, Given<'_>)]| {
        let error = kinds.event(action, Outcome::Done, given).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Misuse, "{given:?}");
        error.to_string()
    };
    refused("shop.other", &[ORDER, CENTS]);
    refused("vault.open", &[]);
    let beside: [(&str, Given<'_>); 10] = [
        ("secret", Given::Id("x")),
        ("why", Given::Word("hunter2")),
        ("why", Given::Id("late")),
        ("whole", Given::Number(1)),
        ("due", Given::Number(7)),
        ("letter", Given::Id("abab")),
        ORDER,
        ("Order", Given::Id("A")),
        ("", Given::Id("A")),
        ("cents", Given::Number(1)),
    ];
    for one in beside {
        let said = refused("shop.refund", &[ORDER, CENTS, one]);
        // A value that was not declared may be what must not be told.
        assert!(!said.contains("hunter2"), "{said}");
    }
    for id in ["", "123456789", "a b", "a\n", "\u{e9}"] {
        refused("shop.refund", &[("order", Given::Id(id)), CENTS]);
    }
    for given in [&[ORDER][..], &[CENTS], &[]] {
        assert!(refused("shop.refund", given).contains("is missing"));
    }
    // Nobody would close it.
    let intent = kinds.event("shop.refund", Outcome::Intended, &[ORDER, CENTS]);
    assert_eq!(intent.unwrap_err().kind(), ErrorKind::Misuse);
    assert_eq!(world.audit.head(&Of::Service).await.unwrap(), None);
}

#[test]
fn kinds_are_named_after_their_application() {
    for app in [
        "", "Shop", "shop.x", "1shop", "vault", "audit", "approval", "keys",
    ] {
        assert_eq!(
            Kinds::new(app).unwrap_err().kind(),
            ErrorKind::Misuse,
            "{app}"
        );
    }
    let refused = |kind: Kind| {
        let kinds = Kinds::new("shop").unwrap().with(kind);
        assert_eq!(kinds.unwrap_err().kind(), ErrorKind::Misuse);
    };
    let long = format!("shop.{}", ["a"; 31].join("."));
    for action in [
        "",
        "shop",
        "shop.",
        "shopping.x",
        "vault.open",
        "shop.X",
        "shop.a..b",
        &long,
    ] {
        refused(Kind::new(action));
    }
    let kind = || Kind::new("shop.x");
    refused(kind().must("Name", Type::Flag));
    refused(kind().must("a", Type::Flag).may("a", Type::Time));
    refused(kind().must("a", Type::Id(0)));
    refused(kind().must("a", Type::Id(129)));
    refused(kind().must("a", Type::words([])));
    refused(kind().must("a", Type::words(["free text"])));
    let twice = Kinds::new("shop")
        .unwrap()
        .with(kind())
        .unwrap()
        .with(kind());
    assert_eq!(twice.unwrap_err().kind(), ErrorKind::Misuse);
}

#[tokio::test]
async fn a_flood_of_an_applications_failures_is_summed() {
    let world = World::new().await;
    let kinds = shop();
    let failed = Outcome::Failed(ErrorKind::Rejected, None);
    // At once: they share their transactions.
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..700 {
        let event = kinds.event("shop.refund", failed, &[ORDER, CENTS]).unwrap();
        let audit = world.audit.clone();
        all.spawn(async move { audit.note_own(event).await });
    }
    assert!(all.join_all().await.into_iter().all(|noted| noted));
    let head = world.audit.head(&Of::Service).await.unwrap().unwrap();
    assert_eq!(head.size(), 600);
    world.clock.advance(std::time::Duration::from_secs(61));
    world.keyring.refresh().await.unwrap();
    let event = kinds.event("shop.refund", Outcome::Done, &[ORDER, CENTS]);
    world.audit.require_own(event.unwrap()).await.unwrap();
    let page = world.audit.entries(&Of::Service, 600, 10).await.unwrap();
    let sum = page.entries[0].entry().unwrap().unwrap();
    let count = ("shop.refund".to_owned(), Typed::Number(Number(100)));
    assert!(sum.action == "audit.sum" && sum.detail.contains(&count));
}

/// Ticket, instance, category, action, what was shown, who decided for whom and how, with which
/// confidence and until when, what came of it, and when: each is in the log, and an edit is found.
#[tokio::test]
async fn an_approval_is_on_record_with_all_that_was_decided() {
    let world = World::new().await;
    let kinds = Kinds::approvals().unwrap();
    let acme = Tenant::new("acme").unwrap();
    let of = Of::Tenant(acme.clone());
    let about = [
        ("ticket", Given::Id("OPS-42")),
        ("instance", Given::Id("acme.example")),
        ("category", Given::Id("access-request")),
        ("action", Given::Id("add-to-group")),
        ("shown", Given::Digest(&[0x5a; 32])),
    ];
    let expires = (
        "expires",
        Given::Time(Timestamp::from_millis(NOON + 900_000)),
    );
    let record = async |action, outcome, more: &[(&str, Given<'_>)], who: Option<Actor>| {
        let given = [&about[..], more].concat();
        let mut event = kinds
            .event(action, outcome, &given)
            .unwrap()
            .of(acme.clone());
        if let Some(who) = who {
            event = event.by(who);
        }
        world.audit.require_own(event).await.unwrap();
    };
    let confidence = ("confidence", Given::Number(870));
    let proposed = [("needs-approval", Given::Flag(true)), confidence, expires];
    record(Kinds::PROPOSE, Outcome::Done, &proposed, None).await;
    let subject = |name: &str| Subject::new(name).unwrap();
    let who = Actor::new(subject("lena")).on_behalf_of(subject("it-lead"));
    let decided = [
        ("status", Given::Word("approved")),
        ("channel", Given::Word("link")),
        expires,
    ];
    record(Kinds::DECIDE, Outcome::Done, &decided, Some(who)).await;
    let ran = [("status", Given::Word("approved"))];
    let failed = Outcome::Failed(ErrorKind::Unavailable, Some(Reason::NOT_FOUND));
    record(Kinds::RESULT, failed, &ran, None).await;

    let page = world.audit.entries(&of, 0, 10).await.unwrap();
    let said: Vec<_> = page
        .entries
        .iter()
        .map(|kept| kept.body.as_ref().unwrap().1.clone())
        .collect();
    let about = "[\"ticket\",{\"id\":\"OPS-42\"}],[\"instance\",{\"id\":\"acme.example\"}],\
        [\"category\",{\"id\":\"access-request\"}],[\"action\",{\"id\":\"add-to-group\"}],\
        [\"shown\",{\"digest\":\"5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a\"}]";
    assert_eq!(
        said,
        [
            format!(
                "{{\"v\":2,\"at\":{NOON},\"action\":\"approval.propose\",\"outcome\":\"done\",\"tenant\":\"acme\",\"detail\":[{about},[\"needs-approval\",{{\"flag\":true}}],[\"confidence\",{{\"number\":870}}],[\"expires\",{{\"time\":{}}}]]}}",
                NOON + 900_000
            ),
            format!(
                "{{\"v\":2,\"at\":{NOON},\"action\":\"approval.decide\",\"outcome\":\"done\",\"actor\":{{\"subject\":\"lena\",\"for\":\"it-lead\"}},\"tenant\":\"acme\",\"detail\":[{about},[\"status\",{{\"word\":\"approved\"}}],[\"channel\",{{\"word\":\"link\"}}],[\"expires\",{{\"time\":{}}}]]}}",
                NOON + 900_000
            ),
            format!(
                "{{\"v\":2,\"at\":{NOON},\"action\":\"approval.result\",\"outcome\":\"failed\",\"error\":\"unavailable\",\"reason\":\"not-found\",\"tenant\":\"acme\",\"detail\":[{about},[\"status\",{{\"word\":\"approved\"}}]]}}"
            ),
        ]
    );
    // Denied in the place of approved: found, with its number.
    assert_eq!(world.verify(&of).await.unwrap(), 3);
    let conn = Connection::open(world.folder.path().join("data.db")).unwrap();
    let bytes: Vec<u8> = conn
        .query_row("SELECT bytes FROM entry WHERE seq = 1", [], |row| {
            row.get(0)
        })
        .unwrap();
    let at = bytes.windows(8).position(|of| of == b"approved").unwrap();
    let edited = [&bytes[..at], b"denied!!", &bytes[at + 8..]].concat();
    conn.execute("UPDATE entry SET bytes = ?1 WHERE seq = 1", [edited])
        .unwrap();
    let found = world.audit.verify(&of, |_| ()).await.unwrap_err();
    assert!(found.kind() == ErrorKind::Corrupt && found.to_string().contains("entry 1 "));
}

const FILE: &str = r#"{"keyward-kinds":1,"app":"shop","kinds":[{"action":"shop.refund","fields":[{"name":"order","type":"id","most":64},{"name":"cents","type":"number"},{"name":"why","type":"words","words":["damaged","late"],"optional":true}]}]}"#;

/// A file declares what code does, and nothing that it does not say.
#[test]
fn kinds_are_read_from_a_file_strictly() {
    let kinds = Kinds::parse(FILE.as_bytes()).unwrap();
    let declared = Kind::new("shop.refund")
        .must("order", Type::Id(64))
        .must("cents", Type::Number)
        .may("why", Type::words(["damaged", "late"]));
    assert_eq!(kinds, Kinds::new("shop").unwrap().with(declared).unwrap());
    assert_eq!(kinds.to_json().unwrap(), FILE);
    for (good, bad) in [
        ("-kinds\":1", "-kinds\":2"),
        ("\"app\"", "\"application\""),
        ("{\"action\"", "{\"text\":true,\"action\""),
        ("\"app\":\"shop\"", "\"app\":\"shop\",\"app\":\"shop\""),
        ("\"app\":\"shop\"", "\"app\":\"vault\""),
        ("shop.refund", "other.refund"),
        ("\"most\":64", "\"most\":129"),
        (",\"most\":64", ""),
        ("\"most\":64", "\"most\":64,\"words\":null"),
        ("\"most\":64", "\"most\":64,\"words\":[\"a\"]"),
        ("\"number\"", "\"text\""),
        ("\"number\"", "\"number\",\"most\":1"),
        ("\"cents\"", "\"order\""),
        ("\"damaged\",\"late\"", ""),
        ("\"damaged\"", "\"Two words\""),
        ("true}]}]}", "true}]}]} x"),
        (FILE, r#"[1,"shop",[{"action":"shop.refund","fields":[]}]]"#),
        (
            FILE,
            r#"{"keyward-kinds":1,"app":"shop","kinds":[["shop.refund",[]]]}"#,
        ),
        (
            r#"{"name":"cents","type":"number"}"#,
            r#"["cents","number"]"#,
        ),
    ] {
        assert!(FILE.contains(good), "{good}");
        let refused = Kinds::parse(FILE.replacen(good, bad, 1).as_bytes());
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Misuse, "{bad}");
    }
    let huge = format!("{FILE}{}", " ".repeat(keyward_audit::kinds::MAX_LEN));
    assert!(Kinds::parse(huge.as_bytes()).is_err());
}
