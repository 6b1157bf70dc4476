//! Dotenv files: what is read from them, and what is refused.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)] // Tests: a panic is the report.

mod support;

use keyward_base::{ErrorKind, Role, SecretBytes};
use keyward_vault::{Credential, EnvSet, Expect, Kind, Loader, Note, Slot};
use proptest::prelude::*;
use support::World;

fn read(text: &str) -> Vec<(String, String)> {
    pairs(&EnvSet::parse(text.as_bytes()).unwrap_or_else(|e| panic!("{text:?}: {e}")))
}

fn pairs(set: &EnvSet) -> Vec<(String, String)> {
    let pair = |var: &keyward_vault::EnvVar| {
        let value = String::from_utf8(var.value().expose().to_vec()).unwrap();
        (var.name().to_owned(), value)
    };
    set.vars().iter().map(pair).collect()
}

fn refused(text: &[u8]) -> String {
    let error = EnvSet::parse(text).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Misuse);
    // Of kinds only where there are any.
    assert!(!error.to_string().contains("opaque"), "{error}");
    if text.is_empty() {
        return format!("{error:?}"); // No credential is empty, whatever its kind.
    }
    let sealed = Credential::env_file(SecretBytes::copy_of(text)).unwrap_err();
    assert_eq!(sealed.kind(), ErrorKind::Misuse);
    assert_eq!(sealed.to_string(), format!("{error}, or use kind opaque"));
    format!("{sealed:?}")
}

#[test]
fn each_form_is_read() {
    // As npm, Python and containers read it; `None` where the loader does not.
    let same = |value: &'static str| [Some(value); 3];
    let cases: [(&str, [Option<&str>; 3]); 41] = [
        ("A=b", same("b")),
        ("A=b\r\n", same("b")),
        ("\u{feff}A=b\n", same("b")),
        ("A=b c", same("b c")),
        ("A=b=c==", same("b=c==")),
        ("A=", same("")),
        ("# comment\n\n  # another\nA=b", same("b")),
        ("A=it's", same("it's")),
        ("A=5\"", same("5\"")),
        // Nothing is expanded, and nothing is run.
        ("A=$HOME", same("$HOME")),
        ("A=$(id)", same("$(id)")),
        ("  A = b c  ", [Some("b c"), Some("b c"), None]),
        ("export A=b", [Some("b"), Some("b"), None]),
        ("export\tA=b", [Some("b"), Some("b"), None]),
        ("A: b", [Some("b"), None, None]),
        (
            "A=# all comment",
            [Some(""), Some("# all comment"), Some("# all comment")],
        ),
        ("A=b # comment", [Some("b"), Some("b"), Some("b # comment")]),
        (
            "A=b\t# comment",
            [Some("b"), Some("b"), Some("b\t# comment")],
        ),
        ("A=b#c", [Some("b"), Some("b#c"), Some("b#c")]),
        ("A='b # c'", [Some("b # c"), Some("b # c"), Some("'b # c'")]),
        (
            "A='b\\n$C'",
            [Some("b\\n$C"), Some("b\\n$C"), Some("'b\\n$C'")],
        ),
        ("A='it\\'s'", [Some("it\\'s"), Some("it's"), None]),
        ("A='b\nc'", [Some("b\nc"), Some("b\nc"), None]),
        ("A=''", [Some(""), Some(""), Some("''")]),
        ("A=\"\"", [Some(""), Some(""), Some("\"\"")]),
        (
            "A=\"b\" # comment",
            [Some("b"), Some("b"), Some("\"b\" # comment")],
        ),
        (
            r#"A="b\n\\\$c""#,
            [
                Some("b\n\\\\\\$c"),
                Some("b\n\\\\$c"),
                Some(r#""b\n\\\$c""#),
            ],
        ),
        ("A=\"b\nc\n\"", [Some("b\nc\n"), Some("b\nc\n"), None]),
        ("A=\"é€\"", [Some("é€"), Some("é€"), Some("\"é€\"")]),
        (
            "A=\"${HOME}\"",
            [Some("${HOME}"), Some("${HOME}"), Some("\"${HOME}\"")],
        ),
        ("A=`id`", [Some("id"), Some("`id`"), Some("`id`")]),
        ("A=`b\nB=c`", [Some("b\nB=c"), None, None]),
        // An unknown escape stays as it stands; which are known differs.
        (
            r#"A="^[a-z]+\d$""#,
            [
                Some(r"^[a-z]+\d$"),
                Some(r"^[a-z]+\d$"),
                Some(r#""^[a-z]+\d$""#),
            ],
        ),
        (
            r#"A="C:\Users\t""#,
            [
                Some(r"C:\Users\t"),
                Some("C:\\Users\t"),
                Some(r#""C:\Users\t""#),
            ],
        ),
        (
            r#"A="C:\dir\""#,
            [Some(r"C:\dir\"), None, Some(r#""C:\dir\""#)],
        ),
        (r"A=a\nb", same(r"a\nb")),
        (
            r#"A="b\n" c"#,
            [Some("\"b\n\" c"), None, Some(r#""b\n" c"#)],
        ),
        (
            r#"A="\a\b\f\n\r\t\v""#,
            [
                Some("\\a\\b\\f\n\r\\t\\v"),
                Some("\u{7}\u{8}\u{c}\n\r\t\u{b}"),
                Some(r#""\a\b\f\n\r\t\v""#),
            ],
        ),
        ("A= # c", [Some(""), Some(""), Some(" # c")]),
        (
            r#"A="say \"hi\"""#,
            [
                Some(r#"say \"hi\""#),
                Some("say \"hi\""),
                Some(r#""say \"hi\"""#),
            ],
        ),
        (r#"A="b" c"#, [Some(r#""b" c"#), None, Some(r#""b" c"#)]),
    ];
    for (text, values) in cases {
        let loaded = Loader::ALL.map(|loader| EnvSet::parse_as(text.as_bytes(), loader).ok());
        for (set, value) in loaded.iter().zip(values) {
            let value = value.map(|value| vec![("A".to_owned(), value.to_owned())]);
            assert_eq!(set.as_ref().map(pairs), value, "{text:?}");
        }
        let first = values.into_iter().flatten().next().unwrap();
        assert_eq!(read(text), [("A".to_owned(), first.to_owned())], "{text:?}");
    }
    for name in [
        "export",
        "exportA",
        "_a1",
        "a-b",
        "a.b.c",
        "1A",
        "npm_config__authToken",
    ] {
        assert_eq!(read(&format!("{name}=1"))[0].0, name);
    }
}

/// Where one loader sees a value and another variables, it is a value.
#[test]
fn a_name_is_none_that_lies_in_a_value() {
    let text = "A=\"x\\\"\nB=s3cretvalue\nC=\"#\"";
    let names = |set: &EnvSet| {
        pairs(set)
            .into_iter()
            .map(|(name, _)| name)
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&EnvSet::parse(text.as_bytes()).unwrap()), ["A"]);
    let error = EnvSet::parse_as(text.as_bytes(), Loader::Container).unwrap_err();
    assert!(error.to_string().contains("line 2"), "{error}");
}

/// Each line that could hold a piece of a value makes the whole file refused.
#[test]
fn what_is_doubtful_is_named_by_its_line_and_never_quoted() {
    let cases: [(&str, &str, &str); 28] = [
        ("A=1\nA = 's3cretvalue", "line 2", "no closing quote"),
        ("A=1\n\nB=\"s3cretvalue", "line 3", "no closing quote"),
        ("A= \"s3cretvalue\nB=1", "line 1", "no closing quote"),
        ("A=`s3cretvalue\nB=1", "line 1", "no closing quote"),
        (
            "A=\"s3cretvalue\nB=1\nC=\"2\"",
            "line 1",
            "no closing quote",
        ),
        ("A=s3cret\ns3cretvalue=2\"", "line 2", "none opened"),
        ("A=s3cret\nB=s3cretvalue`", "line 2", "none opened"),
        ("s3cr3tV4lu3Xy", "line 1", "no NAME=value"),
        ("s3cretvalue+/", "line 1", "no NAME=value"),
        ("s3cretvalue value", "line 1", "no NAME=value"),
        ("=s3cretvalue", "line 1", "no NAME=value"),
        ("A=1\nÄ=s3cretvalue", "line 2", "no NAME=value"),
        ("A/B=s3cretvalue", "line 1", "no NAME=value"),
        ("A B=s3cretvalue", "line 1", "no NAME=value"),
        ("'A'=s3cretvalue", "line 1", "no NAME=value"),
        ("123=s3cretvalue", "line 1", "letters, digits"),
        ("A==", "line 1", "could be a part of a value"),
        (
            "A=1\nc2VjcmV0IHZhbHVl=",
            "line 2",
            "could be a part of a value",
        ),
        (
            "c2VjcmV0IHZhbHVlIQ==",
            "line 1",
            "could be a part of a value",
        ),
        (
            "A=\nc2VjcmV0IHZhbHVl=x",
            "line 2",
            "could be a part of a value",
        ),
        ("c2VjcmV0IHZhbHVl=x", "line 1", "could be a part of a value"),
        (
            "A=\nAKIA5S3CRET7KEY2=",
            "line 2",
            "could be a part of a value",
        ),
        (
            "A=\n0123456789abcdef0123=x",
            "line 2",
            "could be a part of a value",
        ),
        (
            "A=-----BEGIN KEY-----\nc2VjcmV0\nIHZhbHVl=\n",
            "line 2",
            "no NAME=value",
        ),
        (
            "A=-----BEGIN KEY-----\nc2VjcmV0+w\n",
            "line 2",
            "no NAME=value",
        ),
        ("A\n=s3cretvalue", "line 2", "no NAME=value"),
        // A value of one loader, and variables of another.
        ("A=\"1\nB='\"2\nC='3", "line 1", "no closing quote"),
        ("{\"A\": \"s3cretvalue\"}", "line 1", "no NAME=value"),
    ];
    for (text, line, why) in cases {
        let said = refused(text.as_bytes());
        assert!(
            said.contains(line) && said.contains(why),
            "{text:?}: {said}"
        );
        assert!(said.contains("kind opaque"), "{said}");
        assert!(!said.contains("s3cret") && !said.contains("c2Vj"), "{said}");
    }
    for empty in ["", "\n\n", "# nothing", "\u{feff}", "HTTP_PROXY"] {
        assert!(refused(empty.as_bytes()).contains("no variable"));
    }
    assert!(refused(b"A=\xff").contains("UTF-8"));
    assert!(refused(b"A=b\0c").contains("NUL"));
}

/// Names of 12 bytes and more, as projects and their frameworks have them.
#[test]
fn names_of_words_are_taken() {
    for name in [
        "DATABASE_URL",
        "AWS_SECRET_ACCESS_KEY",
        "NEXT_PUBLIC_FIREBASE_MESSAGING_SENDER_ID",
        "APPLICATIONINSIGHTS_CONNECTION_STRING",
        "PYTHONDONTWRITEBYTECODE",
        "CHARGEBEE_WEBHOOK_USERNAME",
        "KEYWARD_PASSPHRASE",
        "DALLE3_SYSTEM_PROMPT",
        "CORREO_USUARIO_CONTRASENA",
        "OAUTH2_PROXY_CLIENT_ID",
        "ConnectionStrings__DefaultConnection",
        "Logging__LogLevel__Microsoft.AspNetCore",
        "spring.datasource.url",
        "xpack.security.enabled",
        "npm_config__authToken",
    ] {
        for text in [
            format!("{name}=1"),
            format!("A=1\n{name}=1"),
            format!("A=\"1\"\n{name}=\"1\""),
        ] {
            assert!(read(&text).iter().any(|(n, _)| n == name), "{text}");
        }
    }
}

/// A piece of a key in front of a `=` is no name, whatever follows, in quotes too.
#[test]
fn what_is_not_made_of_words_is_no_name() {
    for piece in [
        "MFRGGZDFMZTWQ2LKNNWG23TP",
        "MFRGGZDFMZTW",
        "ABCDEFGHIJKLMNOP",
        "kzqwvbxjmtrp",
        "dGhpc2lzYXNlY3JldA",
        "Ab3_dE9x-k2LmNop",
        "0123456789abcdef",
        "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
        "XKQP-WRTZ-BNMA-QQWE",
        "xkqp-wrtz-bnma-qqwe",
        "A1B2C3D4_E5F6G7H8",
        "QWRTPS_XKCDFG_HJKLMN",
        "MFRGGZDFMZTWQ2LKDATABASE_URL",
        "fooEnWkCqRtBar",
        "AAa_a_AA_AA0",
        "A0_1B_C2_D3E4",
    ] {
        for rest in ["=", "=x", "==", "=\"x\"", " = x", ": x"] {
            for before in ["", "A=1\n", "A=\"1\"\n", "A=\n"] {
                let text = format!("{before}{piece}{rest}\nB=2\n");
                let said = refused(text.as_bytes());
                assert!(!said.contains(&piece[..8]), "{said}");
                assert!(said.contains("kind opaque"), "{said}");
            }
        }
    }
}

/// The keys of a connection string are words; one that was wrapped shows them all the same.
#[test]
fn a_wrapped_connection_string_is_refused() {
    for text in [
        "A=Endpoint=sb://x/;\nSharedAccessKeyName=Root;SharedAccessKey=s3cretvalue",
        "A=Endpoint=sb://x/;\nSharedAccessKeyName=Root",
        "DefaultEndpointsProtocol=https;AccountKey=s3cretvalue",
    ] {
        assert!(refused(text.as_bytes()).contains("quotes"), "{text}");
    }
    let whole = "ConnectionStrings__Default=Server=db;Password=x\nConnectionStrings__Other=Server=db;Password=y";
    assert_eq!(read(whole).len(), 2);
}

#[test]
fn what_is_mended_or_skipped_is_said() {
    let set = EnvSet::parse(b"A=false\nHTTP_PROXY\nB=1\nA=true\n").unwrap();
    let wanted = [("A", "true"), ("B", "1")].map(|(n, v)| (n.to_owned(), v.to_owned()));
    assert_eq!(pairs(&set), wanted);
    let name = "A".to_owned();
    assert_eq!(
        set.notes(),
        [
            Note::NameWithoutValue { line: 2 },
            Note::NameTwice { name, line: 4 }
        ]
    );
    assert!(EnvSet::parse(b"A=1").unwrap().notes().is_empty());
}

#[test]
fn limits_hold() {
    let many = |count: usize| (0..count).map(|n| format!("V{n}=1\n")).collect::<String>();
    assert_eq!(read(&many(1000)).len(), 1000);
    assert!(refused(many(1001).as_bytes()).contains("line 1001"));
    for (len, fits) in [(65_535, true), (65_536, false), (65_537, false)] {
        let line = format!("A=1\nB={}\nC=1", "x".repeat(len - 2));
        let read = EnvSet::parse_as(line.as_bytes(), Loader::Container);
        assert_eq!(read.is_ok(), fits, "{len}");
    }
    let long = "NAME_".repeat(51);
    assert_eq!(read(&format!("{long}=1"))[0].0, long);
    assert!(refused(format!("{long}N=1").as_bytes()).contains("at most 255"));
}

/// As the page on the format states them, each on both sides of its limit.
#[test]
fn the_rules_of_names_hold_at_their_limits() {
    // Made of words: digits, letters that are of none, parts that cannot be spoken.
    let names = [
        ("kzqwvbxjmtr", true),
        ("kzqwvbxjmtrp", false),
        ("DATABASE_1234", true),
        ("DATABASE_12345", false),
        ("database-1234", true),
        ("database-12345", false),
        ("KABODU_LIMO_X", true),
        ("KABODU_LIMO_1", false),
        ("DATABASE_QWRTP", true),
        ("DATABASE_QWRTPS", false),
        ("DATABASE_KABCDEFGHJX", true),
        ("DATABASE_KABCDEFGHJXY", false),
        ("AUTHENTICATION_URL", true),
        ("XKQZWDATABASE", false),
        ("DATABASEXKQZW", false),
        ("IDIDIDIDIDID", false),
        ("host.kzqwvbx", true),
        ("host.kzqwvbxj", false),
        ("database.kzqwvbxj", true),
        ("database.kzqwvbxjm", false),
        ("id-id-id-id-id", false),
        ("AWSRegionName", true),
        ("XMLHttpRequestUrl", true),
        ("awsRegionName", true),
    ];
    for (name, taken) in names {
        for text in [format!("{name}=1"), format!("{name}='1'")] {
            assert_eq!(EnvSet::parse(text.as_bytes()).is_ok(), taken, "{text}");
        }
    }
    let (wrapped, shorter) = ("a".repeat(60), "a".repeat(59));
    let spaced = format!("{} {}", &wrapped[..30], &wrapped[..30]);
    let lines = [
        // A word alone, or before nothing.
        ("A=1\nkzqwvbx", true),
        ("A=1\nkzqwvbxj", false),
        ("A=1\nkzqwvbx=", true),
        ("A=1\nkzqwvbxj=", false),
        ("A=1\nkzqwvbxj=1", true),
        ("A=1\nkzqwvbxj=''", true),
        ("A=1\nhttp_proxy\nno_proxy=", true),
        // A key of a connection string.
        ("hostDatabase=1", true),
        ("A='1'\nhostDatabase=1", true),
        ("A=1\nB='1'\nhostDatabase=1", true),
        ("A=1\nhostDatabase=1", false),
        ("A=1\nhostDatabase='1'", false),
        ("A=1\nHTTP_PROXY\nhostDatabase=1", false),
        ("A=1\nhostDatabas=1", true),
        ("A=1\nhost_Database=1", true),
        ("A=1\nhost-database=1", true),
        ("A=1\nhost.database=1", true),
        ("A=1\nHOSTDATABASE=1", true),
        ("hostDatabase=1;b=2", false),
        ("hostDatabase=1;b;c=2", false),
        ("hostDatabase=1;b", true),
        ("hostDatabase=1b=2", true),
        ("hostDatabase='1;b=2'", true),
        ("hostDatabase=`1;b=2`", true),
        ("hostDatabas=1;b=2", true),
        ("host_Database=1;b=2", true),
        ("HOSTDATABASE=1;b=2", true),
        // A value below its name.
        ("A=\nhost.database=1", false),
        ("A= \nhost.database=1", false),
        ("A=\nHTTP_PROXY\nhost.database=1", false),
        ("A=\nhost.database='1'", true),
        ("A=''\nhost.database=1", true),
        ("A=\nhost.databa=1", true),
        ("A=\nHOST_DATABASE=1", true),
        // The end of a value that goes on below it.
        ("E=B=c\nHOST_DATABASE=", false),
        ("E=B=c\nHTTP_PROXY\nHOST_DATABASE=", false),
        ("E=B=c\nHOST_DATABASE=1", true),
        ("E=B=c\nHOST_DATABASE=''", true),
        ("E=B=c\nHOST_DATABA=", true),
        ("E='B=c'\nHOST_DATABASE=", true),
        ("E=-B=c\nHOST_DATABASE=", true),
        ("E=a b=c\nHOST_DATABASE=", true),
        ("E=Bc\nHOST_DATABASE=", true),
        (&format!("E={wrapped}\nHOST_DATABASE="), false),
        (&format!("E={wrapped}\nHOST_DATABASE=1"), true),
        (&format!("E={shorter}\nHOST_DATABASE="), true),
        (&format!("E={spaced}\nHOST_DATABASE="), true),
        // Padding of base64.
        ("A===", false),
        ("A==-", false),
        ("A==b", true),
        ("A===b", true),
        // A quote without its partner.
        ("B=x\"", true),
        ("A=1\nB=x\"", false),
        ("A=1\nB=x\" y", false),
        ("A=1\nB=x\"y", true),
        ("A=1\nB=x\"y\"", true),
        ("A=1\nB=x' y", true),
        ("A=1\nB=x'", false),
        ("A=1\nB=x # y\"", false),
    ];
    for (text, taken) in lines {
        assert_eq!(EnvSet::parse(text.as_bytes()).is_ok(), taken, "{text:?}");
    }
    // A quote before a comment ends the value to those who know comments.
    let text = b"A=1\nB=x' # c";
    let takes = Loader::ALL.map(|loader| EnvSet::parse_as(text, loader).is_ok());
    assert_eq!(takes, [false, false, true]);
    // Quotes part values for containers too.
    for text in [
        "A=\"1\"\nhostDatabase=1",
        "A=''\nhostDatabase=1",
        "A=`1`\nhostDatabase=1",
    ] {
        assert!(
            EnvSet::parse_as(text.as_bytes(), Loader::Container).is_ok(),
            "{text}"
        );
    }
    for text in ["A=\"1\"2\nhostDatabase=1", "A=1''\nhostDatabase=1"] {
        assert!(
            EnvSet::parse_as(text.as_bytes(), Loader::Container).is_err(),
            "{text}"
        );
    }
}

#[test]
fn what_a_loader_says_is_said_of_it() {
    let text = b"export A=1\nB=\"x\n";
    let line = |loader| EnvSet::parse_as(text, loader).unwrap_err().to_string();
    assert!(line(Loader::Container).contains("line 1"));
    assert!(line(Loader::Npm).contains("line 2"));
    assert!(line(Loader::Python).contains("line 2"));
    assert!(refused(text).contains("line 2"));
}

/// For Python, the last place of a name says whether it is set.
#[test]
fn a_name_that_at_last_stands_alone_is_not_set_for_python() {
    let read = |loader| pairs(&EnvSet::parse_as(b"A=1\nB=2\nA\n", loader).unwrap());
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(read(Loader::Python), [pair("B", "2")]);
    assert_eq!(read(Loader::Npm), [pair("A", "1"), pair("B", "2")]);
    assert_eq!(read(Loader::Container), [pair("A", "1"), pair("B", "2")]);
}

/// The largest set that is read can be put, listed and opened.
#[tokio::test]
async fn the_longest_names_fit_beside_the_value() {
    let world = World::in_memory().await;
    let long = "NAME_".repeat(50);
    let text: String = (0..1000)
        .map(|n| format!("{long}V{n:_>4}=\"v\"\n"))
        .collect();
    let set = SecretBytes::copy_of(text.as_bytes());
    let set = world.vault.credential(Kind::Env, set).unwrap();
    let (slot, none) = (Slot::new("acme", "app.env", "1").unwrap(), Role::none());
    let put = world.vault.put(&slot, &set, &none, Expect::Absent).await;
    assert_eq!(put.unwrap().facts.names.len(), 1000);
    let opened = world.vault.open(&slot, &none).await.unwrap();
    assert_eq!(opened.bytes().expose(), text.as_bytes());
    assert_eq!(opened.credential().env().unwrap().vars().len(), 1000);
    assert!(opened.credential().oauth_token().is_err());
}

#[test]
fn nothing_prints_a_value() {
    let set = EnvSet::parse(b"NAME=s3cretvalue").unwrap();
    let shown = format!("{set:?} {:?}", set.vars()[0].value());
    assert!(
        shown.contains("NAME") && !shown.contains("s3cret"),
        "{shown}"
    );
}

proptest! {
    /// In back-quotes nothing is an escape. Names are short, or they would have to be words.
    #[test]
    fn what_is_written_in_quotes_is_read_back(
        pairs in proptest::collection::btree_map("[A-Za-z_][A-Za-z0-9_]{0,10}", "[^\0\r`\\\\]{0,40}", 1..8)
    ) {
        let text: String = pairs.iter().map(|(n, v)| format!("{n}=`{v}`\n")).collect();
        let set: Vec<_> = pairs.into_iter().collect();
        prop_assert_eq!(read(&text), set);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _either_way = EnvSet::parse(&bytes);
    }

    #[test]
    fn any_text_of_its_characters_is_read_or_refused(text in "[A=\"'\\\\# \n\t$é]{0,40}") {
        let _either_way = EnvSet::parse(text.as_bytes());
    }
}

/// A file within a file, or a line that was wrapped, whose next line reads like a name without a
/// value.
#[test]
fn a_wrapped_value_that_reads_like_a_name_is_not_listed() {
    let long = "a".repeat(60);
    for text in [
        "ENV_FILE=DATABASE_HOST=localhost\nDATABASE_PASSWORD=\n".to_owned(),
        format!("TOKEN={long}\nDATABASE_PASSWORD=\n"),
    ] {
        let refused = Credential::env_file(SecretBytes::copy_of(text.as_bytes())).unwrap_err();
        assert!(refused.to_string().contains("line 2"), "{refused}");
    }
    // What people leave empty stays what it is.
    for text in [
        "DATABASE_HOST=localhost\nDATABASE_PASSWORD=\n",
        "ENV_FILE='DATABASE_HOST=localhost'\nDATABASE_PASSWORD=\n",
        "OPTIONS=-Dname=value of it\nDATABASE_PASSWORD=\n",
        "DATABASE_URL=postgres://app@db/app?sslmode=require\nDATABASE_PASSWORD=\n",
    ] {
        let taken = Credential::env_file(SecretBytes::copy_of(text.as_bytes())).unwrap();
        let names = &taken.facts().names;
        assert!(names.iter().any(|n| n == "DATABASE_PASSWORD"), "{text}");
    }
}
