//! What looks for records by their word.

use std::cmp::Ordering;

use keyward_store::{Collection, Find, Found, Words};
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use crate::number::{from_usize, to_u64};

/// A condition on `record`, and its values.
struct Condition {
    sql: String,
    values: Vec<Value>,
}

impl Condition {
    /// `None`: nothing meets it.
    fn new(
        collection: &Collection,
        owner: Option<&str>,
        words: &Words,
        (after, backwards): (Option<&Found>, bool),
    ) -> Option<Self> {
        let mut condition = Self {
            // As the indexes `record_word` and `record_owner_word` say it, or they are not used.
            sql: "collection = ? AND word <> ''".to_owned(),
            values: vec![collection.as_str().to_owned().into()],
        };
        if let Some(owner) = owner {
            condition.and(" AND owner = ?", [owner]);
        }
        match words {
            Words::All if backwards => condition.until(None, owner, after),
            Words::All => condition.from("", owner, after),
            Words::Is(word) => {
                condition.and(" AND word = ?", [word]);
                condition.within(word, owner, (after, backwards))?;
            }
            Words::Range { from, until } if backwards => {
                condition.and(" AND word >= ?", [from]);
                condition.until(until.as_deref(), owner, after);
            }
            Words::Range { from, until } => {
                condition.from(from, owner, after);
                if let Some(until) = until {
                    condition.and(" AND word < ?", [until]);
                }
            }
            // Words this release does not know are not taken for all of them.
            _ => return None,
        }
        Some(condition)
    }

    /// From a word on, or from the place where the page before ended: one bound, so that each
    /// page is searched for and not walked to.
    fn from(&mut self, from: &str, owner: Option<&str>, after: Option<&Found>) {
        let Some(after) = after.filter(|after| after.word.as_str() >= from) else {
            return self.and(" AND word >= ?", [from]);
        };
        let Found {
            word,
            owner: of,
            id,
        } = after;
        match owner.map(|owner| of.as_str().cmp(owner)) {
            None => self.and(" AND (word, owner, id) > (?, ?, ?)", [word, of, id]),
            Some(Ordering::Less) => self.and(" AND word >= ?", [word]),
            Some(Ordering::Equal) => self.and(" AND (word, id) > (?, ?)", [word, id]),
            Some(Ordering::Greater) => self.and(" AND word > ?", [word]),
        }
    }

    /// Backwards: to below a word, or to the place where the page before ended.
    fn until(&mut self, until: Option<&str>, owner: Option<&str>, after: Option<&Found>) {
        let below = |after: &&Found| until.is_none_or(|until| after.word.as_str() < until);
        let Some(after) = after.filter(below) else {
            if let Some(until) = until {
                self.and(" AND word < ?", [until]);
            }
            return;
        };
        let Found {
            word,
            owner: of,
            id,
        } = after;
        match owner.map(|owner| of.as_str().cmp(owner)) {
            None => self.and(" AND (word, owner, id) < (?, ?, ?)", [word, of, id]),
            Some(Ordering::Less) => self.and(" AND word < ?", [word]),
            Some(Ordering::Equal) => self.and(" AND (word, id) < (?, ?)", [word, id]),
            Some(Ordering::Greater) => self.and(" AND word <= ?", [word]),
        }
    }

    /// Behind a place among the records of one word. `None`: it lies behind all of them.
    fn within(
        &mut self,
        word: &str,
        owner: Option<&str>,
        (after, backwards): (Option<&Found>, bool),
    ) -> Option<()> {
        let Some(after) = after else { return Some(()) };
        let Found { owner: of, id, .. } = after;
        let turned = |order: Ordering| if backwards { order.reverse() } else { order };
        let ways = if backwards {
            (" AND (owner, id) < (?, ?)", " AND id < ?")
        } else {
            (" AND (owner, id) > (?, ?)", " AND id > ?")
        };
        match (turned(after.word.as_str().cmp(word)), owner) {
            (Ordering::Less, _) => {}
            (Ordering::Greater, _) => return None,
            (Ordering::Equal, None) => self.and(ways.0, [of, id]),
            (Ordering::Equal, Some(owner)) => match turned(of.as_str().cmp(owner)) {
                Ordering::Less => {}
                Ordering::Equal => self.and(ways.1, [id]),
                Ordering::Greater => return None,
            },
        }
        Some(())
    }

    fn and<const N: usize>(&mut self, sql: &str, by: [&str; N]) {
        self.sql.push_str(sql);
        self.values
            .extend(by.map(|text| Value::from(text.to_owned())));
    }
}

pub(super) fn count(
    conn: &Connection,
    collection: &Collection,
    owner: Option<&str>,
    words: &Words,
) -> rusqlite::Result<u64> {
    let Some(Condition { sql, values }) = Condition::new(collection, owner, words, (None, false))
    else {
        return Ok(0);
    };
    let number = conn
        .prepare_cached(&format!("SELECT count(*) FROM record WHERE {sql}"))?
        .query_row(params_from_iter(values), |row| row.get(0))?;
    to_u64(0, number)
}

/// The statement of a search, with rowid, owner and id as its last columns. `None`: nothing is found.
pub(super) fn select(find: &Find, columns: &str) -> Option<(String, Vec<Value>)> {
    let owner = find.owner.as_deref();
    let place = (find.after.as_ref(), find.backwards);
    let condition = Condition::new(&find.collection, owner, &find.words, place)?;
    let order = match (owner.is_some(), find.backwards) {
        (true, false) => "word, id",
        (false, false) => "word, owner, id",
        (true, true) => "word DESC, id DESC",
        (false, true) => "word DESC, owner DESC, id DESC",
    };
    let Condition { sql, mut values } = condition;
    values.push(from_usize(find.limit.saturating_add(1)).into());
    let sql = format!(
        "SELECT {columns}, rowid, owner, id FROM record WHERE {sql} ORDER BY {order} LIMIT ?"
    );
    Some((sql, values))
}
