//! How many such rows there may be, how large, and what is kept of one.

use keyward_store::Page;

use super::*;

/// The rows of a table whose names are not UTF-8, so many, before all others.
fn many(path: &Path, rows: usize) {
    let conn = Connection::open(path).unwrap();
    let made = conn
        .execute(
            "WITH RECURSIVE n(x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM n WHERE x < ?1)
             INSERT INTO record SELECT 'test', CAST(x'6161eb' || CAST(x AS BLOB) AS TEXT), '1', x,
                 NULL, x'', x'', 'word', x'', '' FROM n",
            [i64::try_from(rows).unwrap()],
        )
        .unwrap();
    assert_eq!(made, rows);
}

/// So many in one place are passed over, and one more is no damage that costs one owner.
#[test]
fn a_page_passes_over_so_many_rows_and_no_more() {
    let (_folder, path) = fresh();
    crowd(&path);
    many(&path, DamagedRow::MOST);
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(block_on(store.damaged()).unwrap().len(), DamagedRow::MOST);
    for limit in [1, 7, 100] {
        for (keys, damaged) in walks(&store, limit) {
            assert_eq!((keys.len(), damaged.len()), (30, DamagedRow::MOST));
        }
    }
    drop(store);
    let conn = Connection::open(&path).unwrap();
    let one = "INSERT INTO record VALUES
        ('test', CAST(x'6161eb' AS TEXT), '1', 1, NULL, x'', x'', 'word', x'', '')";
    assert_eq!(conn.execute(one, []).unwrap(), 1);
    drop(conn);
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(block_on(store.damaged()).unwrap().len(), DamagedRow::MOST);
    let scan = || Scan::of(set()).limit(7);
    let corrupt = ErrorKind::Corrupt;
    refused(block_on(store.scan(scan())), corrupt, "keyward doctor");
    refused(
        block_on(store.outline(scan(), 60)),
        corrupt,
        "keyward doctor",
    );
    let find = Find::of(set(), Words::All).limit(7);
    refused(block_on(store.find(find)), corrupt, "keyward doctor");
    // Beside that place everything goes on, and each that is given up makes room.
    let globex = Scan::of(set()).owner("globex");
    assert_eq!(block_on(store.scan(globex)).unwrap().items.len(), 10);
    let first = block_on(store.damaged()).unwrap().swap_remove(0);
    drop(block_on(store.set_aside(&first.place)).unwrap());
    assert_eq!(block_on(store.scan(scan())).unwrap().items.len(), 7);
}

/// A walk holds no more of them than one page does, however many pages it has.
#[test]
fn a_walk_names_so_many_rows_at_most() {
    let (_folder, path) = fresh();
    crowd(&path);
    many(&path, DamagedRow::MOST);
    let conn = Connection::open(&path).unwrap();
    let behind = "INSERT INTO record VALUES
        ('test', CAST(x'7aeb' AS TEXT), '1', 1, NULL, x'', x'', 'word', x'', '')";
    assert_eq!(conn.execute(behind, []).unwrap(), 1);
    drop(conn);
    let store = SqliteStore::open(&path).unwrap();
    let [whole, outlined, _found] = walks(&store, 10);
    for (keys, damaged) in [whole, outlined] {
        assert_eq!((keys.len(), damaged.len()), (30, DamagedRow::MOST));
    }
}

/// What is named at most is in the way of everybody, since nobody knows what lies behind it.
#[test]
fn rows_of_one_collection_do_not_hide_those_of_another() {
    let rows = |count| vec![DamagedRow::at("record/1".to_owned(), "id"); count];
    let of = |name| {
        let mut rows = rows(DamagedRow::MOST);
        for row in &mut rows {
            row.collection = Some(Collection::named(name));
        }
        rows
    };
    let in_the_way = |rows| DamagedRow::in_the_way(rows, &set()).len();
    assert_eq!(in_the_way(rows(3)), 3);
    assert_eq!(in_the_way(of("test")), DamagedRow::MOST);
    assert_eq!(in_the_way(of("other")), DamagedRow::MOST);
    let mut fewer = of("other");
    drop(fewer.pop());
    assert_eq!(in_the_way(fewer), 0);
}

/// A value of any length costs its owner only, and is kept whole.
#[test]
fn a_huge_value_is_passed_over_and_kept() {
    const HUGE: usize = 3 << 20;
    let (_folder, path) = fresh();
    crowd(&path);
    let sql =
        format!("UPDATE record SET id = zeroblob({HUGE}) WHERE owner = 'acme' AND id = '0003'");
    odd(&path, "record", &sql);
    let store = SqliteStore::open(&path).unwrap();
    for (keys, _damaged) in walks(&store, 7) {
        assert_eq!(keys.len(), 29);
    }
    let named = block_on(store.damaged()).unwrap();
    assert_eq!((named.len(), named[0].column), (1, "id"));
    drop(block_on(store.set_aside(&named[0].place)).unwrap());
    let conn = Connection::open(&path).unwrap();
    let kept = "SELECT octet_length(data) FROM record WHERE collection = 'set-aside'";
    let kept: i64 = conn.query_row(kept, [], |row| row.get(0)).unwrap();
    assert!(kept > i64::try_from(HUGE).unwrap());
    let aside = Scan::of(Collection::named("set-aside"));
    let page: Page<_> = block_on(store.scan(aside)).unwrap();
    assert_eq!(page.items.len(), 1);
}

/// The fields of what is kept of a row, read as the format's page says.
fn fields(kept: &[u8]) -> Vec<(u8, &[u8])> {
    let mut rest = kept.strip_prefix(b"kwrow\x01").unwrap();
    let mut fields = Vec::new();
    while let Some((kind, after)) = rest.split_first() {
        let (length, after) = after.split_first_chunk::<8>().unwrap();
        let length = usize::try_from(u64::from_be_bytes(*length)).unwrap();
        let (field, after) = after.split_at(length);
        fields.push((*kind, field));
        rest = after;
    }
    fields
}

/// A row that was set aside can be written again by hand, byte by byte and type by type.
#[test]
fn what_is_kept_of_a_row_is_all_of_it() {
    let (folder, path) = fresh();
    crowd(&path);
    let of = "owner = 'acme' AND id = '0003'";
    let odd_values = [
        "id = CAST(x'00eb00' AS TEXT)",
        "data = x'00ff00', version = -9223372036854775808",
        "expires = -0.0, sealed = CAST(x'61006200' AS TEXT)",
        "version = 1e300, word = CAST(x'ff' AS TEXT), mac_key = NULL",
        "collection = '', token_key = 7, expires = 9223372036854775807",
    ];
    for (n, set) in odd_values.into_iter().enumerate() {
        let copy = folder.path().join(format!("{n}.db"));
        fs::copy(&path, &copy).unwrap();
        odd(
            &copy,
            "record",
            &format!("UPDATE record SET {set} WHERE {of}"),
        );
        let columns = "hex(collection), hex(owner), hex(id), hex(version), hex(expires),
            hex(mac_key), hex(token_key), hex(word), hex(data), hex(sealed),
            typeof(collection), typeof(id), typeof(version), typeof(expires), typeof(mac_key),
            typeof(token_key), typeof(word), typeof(data), typeof(sealed)";
        let all = || {
            let conn = Connection::open(&copy).unwrap();
            let sql = format!(
                "SELECT concat_ws('/', {columns}) FROM record WHERE collection <> 'set-aside'
                     ORDER BY 1"
            );
            let mut select = conn.prepare(&sql).unwrap();
            let rows = select.query_map([], |row| row.get::<_, String>(0)).unwrap();
            rows.map(Result::unwrap).collect::<Vec<_>>()
        };
        let before = all();
        let store = SqliteStore::open(&copy).unwrap();
        let row = block_on(store.damaged()).unwrap().remove(0);
        drop(block_on(store.set_aside(&row.place)).unwrap());
        assert_eq!(all().len(), 29, "{set}");
        let aside = Scan::of(Collection::named("set-aside"));
        let kept = block_on(store.scan(aside)).unwrap().items.remove(0);
        drop(store);
        let fields = fields(&kept.data);
        assert_eq!(fields[0], (b't', b"record".as_slice()));
        let pairs: Vec<_> = fields[1..].chunks(2).collect();
        let names = pairs
            .iter()
            .map(|pair| std::str::from_utf8(pair[0].1).unwrap());
        let names: Vec<_> = names.collect();
        let literal = |(kind, bytes): (u8, &[u8])| {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            let eight = || bytes.try_into().unwrap();
            match kind {
                b'n' => "NULL".to_owned(),
                b'i' => match i64::from_be_bytes(eight()) {
                    // A literal has its sign beside it, and its digits have to fit.
                    i64::MIN => "-9223372036854775807 - 1".to_owned(),
                    number => number.to_string(),
                },
                b'r' => format!("{:e}", f64::from_be_bytes(eight())),
                b't' => format!("CAST(x'{hex}' AS TEXT)"),
                b'b' => format!("x'{hex}'"),
                other => panic!("{other}"),
            }
        };
        let values: Vec<_> = pairs.iter().map(|pair| literal(pair[1])).collect();
        let insert = format!(
            "INSERT INTO record ({}) VALUES ({})",
            names.join(", "),
            values.join(", ")
        );
        odd(&copy, "record", &insert);
        assert_eq!(all(), before, "{set}");
    }
}

/// A time that nobody wrote does not say that a row is over: what is swept away is not kept.
#[test]
fn a_time_that_nobody_wrote_sweeps_no_row_away() {
    let at = Timestamp::from_millis;
    let (folder, path) = fresh();
    crowd(&path);
    let store = SqliteStore::open(&path).unwrap();
    let claim = Claim {
        digest: [7; 32],
        lease_until: at(1_000),
        keep_until: at(9_000),
    };
    let window = Window::new(3, Duration::from_secs(9)).unwrap();
    let key = key("acme", "0003");
    drop(block_on(store.begin(&key, claim, at(1))).unwrap());
    let _admitted = block_on(store.attempt(&key, window, at(1))).unwrap();
    drop(store);
    for (n, value) in ["-1", "1.5", "-0.0", "-9223372036854775808"]
        .into_iter()
        .enumerate()
    {
        let copy = folder.path().join(format!("{n}.db"));
        fs::copy(&path, &copy).unwrap();
        for (table, column) in [
            ("record", "expires"),
            ("claim", "keep_until"),
            ("attempt", "until"),
        ] {
            let sql = format!(
                "UPDATE {table} SET {column} = {value} WHERE owner = 'acme' AND id = '0003'"
            );
            odd(&copy, table, &sql);
        }
        let store = SqliteStore::open(&copy).unwrap();
        let late = at(1 << 40);
        assert_eq!(
            block_on(store.purge(&set(), late, 9)).unwrap(),
            0,
            "{value}"
        );
        assert_eq!(
            block_on(store.purge_once(&set(), late, 9)).unwrap(),
            0,
            "{value}"
        );
        assert_eq!(
            block_on(store.purge_attempts(&set(), late, 9)).unwrap(),
            0,
            "{value}"
        );
        assert_eq!(block_on(store.damaged()).unwrap().len(), 3, "{value}");
    }
}

/// A claim that cannot be read is not taken for one that is over: nothing is done twice.
#[test]
fn a_claim_that_cannot_be_read_begins_nothing() {
    let at = Timestamp::from_millis;
    let (folder, path) = fresh();
    let store = SqliteStore::open(&path).unwrap();
    let claim = Claim {
        digest: [7; 32],
        lease_until: at(1_000),
        keep_until: at(9_000),
    };
    let key = key("acme", "1");
    drop(block_on(store.begin(&key, claim, at(1))).unwrap());
    drop(store);
    for (n, set) in [
        "keep_until = -1",
        "keep_until = NULL",
        "keep_until = 1.5",
        "keep_until = 'later'",
        "lease_until = NULL",
        "lease_until = -1",
        "digest = NULL",
        "result = 5",
    ]
    .into_iter()
    .enumerate()
    {
        let copy = folder.path().join(format!("{n}.db"));
        fs::copy(&path, &copy).unwrap();
        odd(&copy, "claim", &format!("UPDATE claim SET {set}"));
        let store = SqliteStore::open(&copy).unwrap();
        let begun = block_on(store.begin(&key, claim, at(2)));
        refused(begun, ErrorKind::Corrupt, "keyward doctor");
        let row = block_on(store.damaged()).unwrap().remove(0);
        drop(block_on(store.set_aside(&row.place)).unwrap());
        let begun = block_on(store.begin(&key, claim, at(2))).unwrap();
        assert!(matches!(begun, Begun::Lease(_)), "{set}");
    }
}
