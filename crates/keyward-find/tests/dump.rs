//! Dumps, in the forms that the tools of PostgreSQL, MySQL and SQLite write.
#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    missing_docs
)]

mod support;

use keyward_base::{ErrorKind, KeyId};
use keyward_find::{Keys, Report, dump};
use proptest::prelude::*;
use support::{escaped, in_hex, keys, lines, other, ours, value};

fn look(text: &str) -> Report {
    dump(text.as_bytes(), &keys(), |_| ()).unwrap()
}

#[test]
fn copy_of_postgresql_names_table_and_column() {
    let (ours, other) = (ours(), other());
    let hex = in_hex(&ours);
    let text = format!(
        "--\n-- PostgreSQL database dump\n--\n\nCREATE TABLE public.account (\n    id integer NOT NULL,\n    token text,\n    raw bytea,\n    doc jsonb\n);\n\n\
         CREATE FUNCTION public.f() RETURNS text LANGUAGE sql AS $$\nselect '{ours}'\n$$;\n\n\
         COPY public.account (id, token, raw, doc) FROM stdin;\n\
         1\t{ours}\t\\\\x{hex}\t{{\"a\": \"{ours}\", \"b\": \"{ours}\"}}\n\
         2\t{other}\t\\N\t\\N\n\
         3\tINSERT INTO x VALUES ('\t{ours}\t\\N\n\
         4\tCOPY a (b) FROM stdin;\t\\\\x00\t{{\"a\": \"{}\"}}\n\
         \\.\n\n\
         COPY public.\"odd \"\"name\" (\"a b\", c) FROM stdin;\n{other}\t{ours}\n\\.\n\n\
         ALTER TABLE ONLY public.account ALTER COLUMN token SET DEFAULT '{ours}';\n\
         --\n-- PostgreSQL database dump complete\n--\n",
        escaped(&ours, 2)
    );
    let report = look(&text);
    assert_eq!(
        lines(&report),
        [
            ".? 2",
            "public.account.doc 3",
            "public.account.raw 2",
            "public.account.token 1",
            "public.odd \"name.c 1"
        ]
    );
    assert!(report.complete);
    assert!(!look(&text[..text.len() / 2]).complete);
}

#[test]
fn inserts_of_postgresql_name_table_and_column() {
    let (ours, other) = (ours(), other());
    let report = look(&format!(
        "-- PostgreSQL database dump\nCREATE TABLE public.account (\n    id integer NOT NULL,\n    token text DEFAULT 'a,b)'::text,\n    n numeric(10,2),\n    note text,\n    CONSTRAINT c CHECK ((id > 0))\n);\n\
         INSERT INTO public.account VALUES (1, '{ours}', 1.5, 'it''s, (fine\\');\n\
         INSERT INTO public.account VALUES (2, 'two\nlines; and '' more', 2, '{ours}');\n\
         INSERT INTO public.account (note, id) VALUES ('{ours}', 3);\n\
         INSERT INTO public.account VALUES\n\t(4, E'a\\'b', 1, '{ours}'),\n\t(5, ARRAY['x', '{other}'], (1), '{ours}'),\n\t(6, '{ours}', 1, NULL);\n\
         INSERT INTO public.other OVERRIDING SYSTEM VALUE VALUES (7, '\\x{}');\n",
        in_hex(&ours)
    ));
    assert_eq!(
        lines(&report),
        [
            "public.account.note 4",
            "public.account.token 2",
            "public.other.#2 1"
        ]
    );
}

#[test]
fn inserts_of_mysql_name_table_and_column() {
    let (ours, other) = (ours(), other());
    let report = look(&format!(
        "-- MySQL dump 10.13  Distrib 8.0.36\n\nDROP TABLE IF EXISTS `account`;\nCREATE TABLE `account` (\n  `id` int NOT NULL AUTO_INCREMENT,\n  `to``ken` varchar(400) DEFAULT NULL,\n  `raw` blob,\n  PRIMARY KEY (`id`),\n  KEY `by` (`raw`(8))\n) ENGINE=InnoDB;\n\
         LOCK TABLES `account` WRITE;\n\
         INSERT INTO `account` VALUES (1,'it\\'s, (\\\\','a'),(2,'{ours}',NULL),(3,'{other}',0x{}),(4,'x',_binary '\0{ours}\\0');\n\
         INSERT  IGNORE INTO `account` (`raw`) VALUES ('{ours}');\n\
         REPLACE INTO `account` VALUES (9,'{ours}',X'{}');\n\
         UNLOCK TABLES;\n-- Dump completed on 2026-03-01 10:00:00\n",
        in_hex(&ours).to_uppercase(),
        in_hex(&ours),
    ));
    assert_eq!(lines(&report), ["account.raw 4", "account.to`ken 2"]);
    assert!(report.complete);
}

#[test]
fn the_dump_of_sqlite_itself_is_read() {
    let ours = ours();
    let report = look(&format!(
        "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE t(id INTEGER PRIMARY KEY, \"a b\" TEXT, c BLOB);\nINSERT INTO t VALUES(1,'{ours}',X'{}');\nCOMMIT;\n",
        in_hex(&ours)
    ));
    assert_eq!(lines(&report), ["t.a b 1", "t.c 1"]);
    assert!(report.complete);
}

#[test]
fn statements_and_rows_longer_than_what_is_read_at_once_are_followed() {
    let (ours, filler) = (ours(), "('x\\'),(',1),".repeat(500_000));
    let insert = format!(
        "-- MySQL dump\nINSERT INTO `t` (`a`,`b`) VALUES {filler}('{ours}',2),{filler}(1,'{ours}');\n"
    );
    assert!(insert.len() > 12 << 20);
    assert_eq!(lines(&look(&insert)), ["t.a 1", "t.b 1"]);

    let long = "y".repeat(5 << 20);
    let copy = format!(
        "COPY t (a, b, c) FROM stdin;\n{long}\t{ours}\t{long}{ours}\n{ours}\t\\N\t\\N\n\\.\n"
    );
    assert_eq!(lines(&look(&copy)), ["t.a 1", "t.b 1", "t.c 1"]);
}

/// A line that is too long to keep is read in parts: a value across the cut, or just before it,
/// counts once.
#[test]
fn a_value_where_a_long_line_is_cut_counts_once() {
    const CUT: usize = 17 * 256 * 1024; // The first piece of 256 KiB beyond 4 MiB.
    let (ours, begin) = (ours(), "INSERT INTO t (a) VALUES ('");
    for before in [8, 300, 640, 648] {
        let filler = "y ".repeat((CUT - before - begin.len()) / 2);
        let pad = " ".repeat((CUT - before - begin.len()) % 2);
        let text = format!("{begin}{filler}{pad}{ours} {}');\n", "z ".repeat(1_000));
        assert_eq!(text.find(&ours), Some(CUT - before));
        assert_eq!(lines(&look(&text)), ["t.a 1"], "{before}");
    }
}

/// What looks like a statement within the rows of a `COPY` is a row.
#[test]
fn a_row_that_begins_like_a_statement_ends_no_copy() {
    let ours = ours();
    let report = look(&format!(
        "COPY t (a, b) FROM stdin;\nINSERT INTO x\t{ours}\nCREATE TABLE x (\t{ours}\n\
         -- Dump completed\t{ours}\nCOPY x (c) FROM stdin;\t{ours}\n\\.\n"
    ));
    assert_eq!(lines(&report), ["t.b 4"]);
    assert!(!report.complete);
}

/// Two dumps, one behind the other, of which the second was cut.
#[test]
fn a_dump_that_goes_on_behind_its_end_is_complete_at_the_last() {
    let whole = "COPY t (a) FROM stdin;\nx\n\\.\n-- PostgreSQL database dump complete\n";
    assert!(look(&format!("{whole}{whole}")).complete);
    assert!(!look(&format!("{whole}COPY t (a) FROM stdin;\n")).complete);
    assert!(!look(&format!("{whole}INSERT INTO t VALUES (1);\n")).complete);
}

/// Rows that come in several pieces: a `\.` ends them at the beginning of a line only, and what
/// comes behind it is read as ever.
#[test]
fn the_rows_of_a_copy_end_where_they_end_in_whatever_piece() {
    let (ours, other) = (ours(), other());
    let filler = "abc\tx\n".repeat(50_000);
    let report = look(&format!(
        "COPY a (x, y) FROM stdin;\n{filler}C:\\\\.\t{ours}\nb\\\\.\t\\\\.\n\\N\t{ours}\n\\.\n\
         COPY b (z) FROM stdin;\n{ours}\n{other}\n\\.\nINSERT INTO c (w) VALUES ('{ours}');\n\
         SELECT '{ours}';\n-- PostgreSQL database dump complete\n"
    ));
    assert_eq!(lines(&report), [".? 1", "a.y 2", "b.z 1", "c.w 1"]);
    assert!(report.complete);
}

/// A `CREATE TABLE` of which a part is in one piece and the rest in the next.
#[test]
fn the_columns_of_a_table_are_known_wherever_a_piece_ends() {
    let ours = ours();
    for before in [256 * 1024 - 20, 256 * 1024 - 40, 256 * 1024 - 60] {
        let report = look(&format!(
            "-- {}\nCREATE TABLE t (\n    a text,\n    b text,\n    c text\n);\n\n-- rows\n\
             INSERT INTO t VALUES ('x', '{ours}', 'y');\n",
            "-".repeat(before),
        ));
        assert_eq!(lines(&report), ["t.b 1"], "{before}");
    }
}

/// In a dump of MySQL a backslash escapes in every text, whether names are quoted or not; in one
/// of PostgreSQL in none.
#[test]
fn a_backslash_escapes_where_it_does() {
    let ours = ours();
    let one = |text: &str| lines(&look(text)).join(", ");
    for begin in [
        "-- MySQL dump 10.13\nINSERT INTO t (a, b) VALUES",
        "-- MariaDB dump 10.19\nINSERT INTO t (a, b) VALUES",
        "INSERT INTO `t` (`a`, `b`) VALUES",
    ] {
        for a in [
            "'it\\'s, x, y'",
            "\"a\\\"b, c, d\"",
            "'\\\\'",
            "'\\\\\\', x, y'",
        ] {
            assert_eq!(one(&format!("{begin} ({a}, '{ours}');\n")), "t.b 1", "{a}");
        }
    }
    for a in ["'fine\\'", "E'it\\'s, (x'", "'x'::\"odd\\\""] {
        let text =
            format!("-- PostgreSQL database dump\nINSERT INTO t (a, b) VALUES ({a}, '{ours}');\n");
        assert_eq!(one(&text), "t.b 1", "{a}");
    }
    let text = format!("INSERT INTO t (a, b) VALUES ('\\{ours}\\', '{ours}');\n");
    assert_eq!(one(&text), "t.a 1, t.b 1");
}

#[test]
fn names_are_taken_as_they_are_quoted_and_what_is_none_names_nothing() {
    let ours = ours();
    let one = |text: &str| lines(&look(text)).join(", ");
    for (statement, wanted) in [
        (
            "INSERT INTO order_item$x (größe_2) VALUES ('V');",
            "order_item$x.größe_2 1",
        ),
        (
            "INSERT INTO [odd]]na me] ([a b]) VALUES ('V');",
            "odd]na me.a b 1",
        ),
        ("INSERT INTO ('V');", ".? 1"),
        ("INSERT INTO t SELECT 'V';", "t.? 1"),
        ("INSERT INTO t (a, b) VALUES (1 /* x; y */, 'V');", "t.b 1"),
        ("INSERT INTO t (a) VALUES ('x');\nSET x = 'V';", ".? 1"),
        ("INSERT INTO t (a) VALUES ('x'); SET x = 'V';", ".? 1"),
        (
            "COPY t (a) FROM '/file';\nINSERT INTO u (b) VALUES ('V');",
            "u.b 1",
        ),
        (
            "COPY t (a) TO stdout;\nINSERT INTO u (b) VALUES ('V');",
            "u.b 1",
        ),
    ] {
        let text = format!("{}\n", statement.replace('V', &ours));
        // The word that begins the rows has the letter too.
        let text = text.replace(&format!("{ours}ALUES"), "VALUES");
        assert_eq!(one(&text), wanted, "{statement}");
    }
}

/// One character alone may be written as an escape, whichever it is.
#[test]
fn a_value_counts_with_any_one_of_its_characters_escaped() {
    let ours = ours();
    for at in 0..16 {
        for slashes in [1, 2, 31] {
            let one = escaped(&ours[at..=at], slashes);
            let text = format!("{}{one}{}", &ours[..at], &ours[at + 1..]);
            for before in ["'", "x", ""] {
                let report = look(&format!("{before}{text}\n"));
                assert_eq!(report.values(), 1, "{at} {slashes} {before}");
            }
        }
    }
}

/// What lies in more places than are told apart is counted all the same.
#[test]
fn values_in_very_many_tables_are_counted_together() {
    const MOST: usize = 65_536;
    let head = &ours()[..16];
    let insert = |table: usize| format!("INSERT INTO t{table:05} (a) VALUES ('{head}');\n");
    let mut text: String = (0..MOST + 2).map(insert).collect();
    text.push_str(&insert(7));
    let report = look(&text);
    assert_eq!(report.values(), u64::try_from(MOST).unwrap() + 3);
    assert_eq!(report.found.len(), MOST + 1);
    let of = |table: &str| {
        report
            .found
            .iter()
            .find(|f| f.table == table)
            .unwrap()
            .values
    };
    assert_eq!(
        (of("(further tables)"), of("t00007"), of("t00008")),
        (2, 2, 1)
    );
}

#[test]
fn each_of_several_keys_is_looked_for_and_no_other() {
    let ids = |from: u64, to: u64| {
        (from..to).map(|n| {
            KeyId::parse(&format!("{:016x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15))).unwrap()
        })
    };
    assert!(Keys::default().is_empty());
    let few: Keys = ids(1, 33).collect();
    assert_eq!((few.len(), few.is_empty()), (32, false));
    let text = |from, to, write: fn(&str) -> String| -> String {
        let lines = ids(from, to).map(|id| format!("{}\n", write(&value(&id.to_string()))));
        lines.collect()
    };
    // In hexadecimal every digit comes, as it must.
    let forms: [fn(&str) -> String; 3] = [str::to_owned, in_hex, |value| escaped(value, 1)];
    for write in forms {
        let found = dump(text(1, 33, write).as_bytes(), &few, |_| ()).unwrap();
        assert_eq!(found.values(), 32);
        let found = dump(text(33, 700, write).as_bytes(), &few, |_| ()).unwrap();
        assert_eq!(found.values(), 0);
    }
}

/// A pipe that breaks is no end of a dump.
#[test]
fn a_dump_that_cannot_be_read_to_its_end_is_no_answer() {
    struct Broken(usize);
    impl std::io::Read for Broken {
        fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
            let len = to.len().min(self.0);
            if len == 0 {
                return Err(std::io::ErrorKind::BrokenPipe.into());
            }
            self.0 -= len;
            to[..len].fill(b'x');
            Ok(len)
        }
    }
    for len in [0, 10, 300_000, 2_000_000] {
        let error = dump(Broken(len), &keys(), |_| ()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{len}");
    }
}

#[test]
fn a_dump_that_is_no_text_is_refused_with_the_command_that_makes_one() {
    for (bytes, part) in [
        (&b"PGDMP\x01\x0e"[..], "pg_restore"),
        (b"\x1f\x8b\x08\0", "gzip"),
        (b"\x28\xb5\x2f\xfd", "zstd"),
        (b"\xfd7zXZ\0", "xz"),
        (b"BZh9", "bzip2"),
        (b"\x04\x22\x4d\x18", "lz4"),
        (b"\xfe\xff\0-\0-", "iconv"),
        (&[&[b'a'; 257][..], b"ustar\0"].concat(), "archive"),
        (b"SQLite format 3\0", "--db"),
        (b"\xff\xfe-\0-\0", "iconv"),
        (b"", "empty"),
    ] {
        let error = dump(bytes, &keys(), |_| ()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Misuse);
        assert!(error.to_string().contains(part), "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// Wherever pieces of a dump begin and end, and whatever stands between, each value counts.
    #[test]
    fn every_value_counts_wherever_it_lies(
        parts in prop::collection::vec((0_usize..400_000, 0_u8..6, any::<bool>()), 1..12),
        filler in "[a-z\\\\'(),;\n\t .-]{1,40}",
    ) {
        let (ours, other) = (ours(), other());
        let mut text = String::from("-- a dump\n");
        let mut wanted = 0;
        for (len, form, is_ours) in parts {
            text.extend(filler.chars().cycle().take(len));
            let value = if is_ours { &ours } else { &other };
            text.push(' ');
            match form {
                0 | 1 => text.push_str(value),
                2 => text.push_str(&in_hex(value)),
                3 => text.push_str(&escaped(value, 2)),
                4 => text.push_str(&in_hex(value).to_uppercase()),
                _ => text.push_str(&format!("{}{}", escaped(&value[..5], 1), &value[5..])),
            }
            wanted += u64::from(is_ours);
        }
        prop_assert_eq!(look(&text).values(), wanted);
    }
}

/// Who writes a dump into a pipe that was made wide need not wait for each 64 KiB.
#[test]
#[cfg(target_os = "linux")]
fn a_pipe_holds_a_mebibyte_once_it_is_widened() {
    use rustix::pipe::fcntl_getpipe_size;
    let (reader, writer) = std::io::pipe().unwrap();
    assert!(fcntl_getpipe_size(&reader).unwrap() < 1 << 20);
    keyward_find::widen(&reader);
    assert_eq!(fcntl_getpipe_size(&writer).unwrap(), 1 << 20);
    // What is no pipe stays as it is.
    let file = tempfile::tempfile().unwrap();
    keyward_find::widen(&file);
}
