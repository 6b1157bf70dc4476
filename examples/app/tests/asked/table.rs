//! The table of `routes.tsv`.

use std::collections::BTreeMap;

/// Those who ask. A column that is not here, or is missing there, fails.
pub const WHO: [&str; 32] = [
    "nobody",
    "member",
    "owner",
    "other",
    "admin",
    "staff",
    "stale",
    "stale-admin",
    "pending",
    "ended",
    "swapped",
    "nowhere",
    "foreign",
    "passed-on",
    "host",
    "key-servers",
    "key-variables",
    "key-deployments",
    "key-deploy",
    "key-all",
    "key-none",
    "key-other",
    "key-rotated",
    "cookie-key",
    "key-revoked",
    "key-leaked",
    "key-expired",
    "key-elsewhere",
    "key-forged",
    "session-key",
    "internal",
    "internal-ended",
];

/// What each route is asked with.
pub const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// An address, and what each who asks is answered.
#[derive(Clone, Debug)]
pub struct Row {
    pub route: String,
    pub at: String,
    pub methods: Vec<String>,
    pub sent: String,
    /// It changes who is logged in, or what there is.
    pub changes: bool,
    /// None: it is not asked.
    pub statuses: BTreeMap<&'static str, Option<u16>>,
}

/// The rows, those that change something last.
pub fn rows() -> Vec<Row> {
    let text = include_str!("../routes.tsv");
    let mut lines = text.lines().filter(|line| !line.starts_with('#'));
    let head: Vec<_> = lines.next().unwrap().split('\t').collect();
    assert_eq!(head[..5], ["route", "at", "methods", "sent", "!"]);
    assert_eq!(head[5..], WHO);
    let mut rows: Vec<_> = lines.map(row).collect();
    rows.sort_by_key(|row| row.changes);
    rows
}

fn row(line: &str) -> Row {
    let cells: Vec<_> = line.split('\t').collect();
    assert_eq!(cells.len(), 5 + WHO.len(), "{line}");
    let changes = cells[4] == "!";
    let status = |cell: &str| match cell {
        "-" => {
            assert!(changes, "only what ends others leaves somebody out: {line}");
            None
        }
        status => Some(status.parse().unwrap()),
    };
    let statuses = WHO.iter().zip(&cells[5..]);
    Row {
        route: cells[0].to_owned(),
        at: cells[1].to_owned(),
        methods: cells[2].split(' ').map(str::to_owned).collect(),
        sent: match cells[3] {
            "-" => String::new(),
            sent => sent.to_owned(),
        },
        changes,
        statuses: statuses.map(|(who, cell)| (*who, status(cell))).collect(),
    }
}
