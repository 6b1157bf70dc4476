//! The whole record of one gate as a file that proves itself: `docs/formats/gate.md`, "The export".
//!
//! The first line has the action's bytes, the record's, and all of it in words; then there is a line
//! for each entry that the tenant's log has of the gate, in their order, with the proof that it is in
//! the log. Each of those entries has SHA-256 of the record as it was after that step, so that the last
//! one proves all of it: votes with their reasons, results, history.

mod check;
mod told;

use std::io::Write;

use keyward_audit::audit::Kept;
use keyward_audit::entry::{Entry, Typed};
use keyward_audit::{Kinds, Of, Proof};
use keyward_base::encoding::{base64, base64url, hex};
use keyward_base::{Error, KeyId, Result, Tenant, Timestamp};
use keyward_crypto::Provider;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

pub use check::{Exported, check};

use super::held::{TRIED, USED};
use super::id::GateId;
use super::row::{Claim, Row, Untold, wrong};
use super::{Gates, MAX_TRIES, contended};

/// The version that is written, and read.
const VERSION: u8 = 1;

/// The most entries of a gate: its history, 64 links of at most 5 tries, and uses of its class.
const MAX_ENTRIES: usize = 16_384;

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct First<'a> {
    #[serde(rename = "keyward-approval-export")]
    version: u8,
    /// The key that signed the checkpoints, as `name+hash+key`. For whoever pins it; whoever checks has
    /// it from elsewhere.
    key: String,
    /// The log's id: 32 hexadecimal digits.
    log: String,
    action: String,
    record: String,
    /// What these bytes say.
    #[serde(borrow)]
    told: &'a RawValue,
}

/// The line of an entry.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    day: u32,
    class: &'a str,
    salt: String,
    #[serde(borrow)]
    body: &'a RawValue,
    /// A `tlog-proof`.
    proof: String,
}

/// What an entry says of a gate.
#[derive(Debug, PartialEq, Eq)]
struct Said {
    ticket: String,
    entry: u64,
    counts: Count,
    shown: Option<String>,
    record: Option<String>,
}

/// Of what an entry has the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Count {
    History,
    Use,
    Try,
}

impl Said {
    /// None: it is about no gate.
    fn of(entry: &Entry) -> Option<Self> {
        let find = |name: &str| {
            let mut detail = entry.detail.iter();
            detail.find_map(|(own, typed)| (own == name).then_some(typed))
        };
        let digest = |name| match find(name) {
            Some(Typed::Digest(digest)) => Some(digest.clone()),
            _ => None,
        };
        let (Some(Typed::Id(ticket)), Some(Typed::Number(nth))) = (find("ticket"), find("entry"))
        else {
            return None;
        };
        let counts = match find("event") {
            Some(Typed::Word(word)) if word == USED => Count::Use,
            Some(Typed::Word(word)) if word == TRIED => Count::Try,
            _ => Count::History,
        };
        Some(Self {
            ticket: ticket.clone(),
            entry: nth.0,
            counts,
            shown: digest("shown"),
            record: digest("record"),
        })
    }
}

impl Row {
    /// The record as its entries in the log vouch for it, and as it is exported: without what only
    /// its own process or its MAC is about, and what changes without an entry.
    pub(crate) fn exported(&self) -> Vec<u8> {
        let mut row = self.clone();
        row.fence = u64::try_from(row.history.len()).unwrap_or(u64::MAX);
        row.logged = 0;
        row.taken = None;
        row.untold = Untold::default();
        row.claim = row.claim.map(|_| Claim {
            fence: 0,
            nonce: [0; 16],
            begun: Timestamp::from_millis(0),
        });
        for slot in &mut row.slots {
            slot.code = None;
        }
        row.bytes(KeyId::from_bytes([0; 8]))
    }

    /// SHA-256 of it.
    pub(crate) fn exported_digest(&self, provider: &Provider) -> [u8; 32] {
        provider.sha256(&[&self.exported()])
    }
}

impl Gates {
    /// Writes all that there is of a gate as JSON lines, each with the proof of the tenant's log, and
    /// gives what was written to, flushed. [`check`] checks it without the service, under the key that
    /// [`keyward_audit::Audit::key`] says. What was asked for stands in it, reasons and votes too, and
    /// of secret arguments nothing but their commitments: it is as secret as the action.
    ///
    /// Reads the log from where the gate began, and signs one checkpoint, to which each entry leads.
    ///
    /// # Errors
    /// As [`Gates::show_newest`]; `Corrupt` if the log has of the gate something else than its record
    /// says, or an entry was edited or is missing; `Unavailable` if an entry was erased, as retention
    /// does, or it cannot be written.
    pub async fn export<W: Write + Send>(
        &self,
        tenant: &Tenant,
        id: GateId,
        mut to: W,
    ) -> Result<W> {
        for _ in 0..MAX_TRIES {
            let shown = self.show_newest(tenant, id).await?;
            let (row, action) = (shown.row(), shown.action());
            let Some(entries) = self.entries_of(row).await? else {
                // It went on since.
                continue;
            };
            let of = Of::Tenant(tenant.clone());
            let key = self.0.audit.key(&of).await?.ok_or_else(wrong)?;
            let log = entries.first().ok_or_else(wrong)?.leaf.header.log;
            let told = told::text(action, row)?;
            let first = First {
                version: VERSION,
                key: key.to_string(),
                log: hex(&log),
                action: base64url(action.bytes()),
                record: base64url(&row.exported()),
                told: serde_json::from_str(&told).map_err(|e| unwritten().with_source(e))?,
            };
            line(&mut to, &first)?;
            let seqs: Vec<u64> = entries.iter().map(|kept| kept.seq).collect();
            let mut left = entries.iter();
            let each = |proof: Proof| {
                let kept = left.next().ok_or_else(wrong)?;
                let (salt, text) = kept.body.as_ref().ok_or_else(erased)?;
                let body = serde_json::from_str(text);
                let entry = Line {
                    day: kept.leaf.header.day,
                    class: kept.leaf.header.class.as_str(),
                    salt: base64(salt),
                    body: body.map_err(|e| unwritten().with_source(e))?,
                    proof: proof.text(),
                };
                line(&mut to, &entry)
            };
            self.0.audit.prove_each(&of, &seqs, each).await?;
            to.flush().map_err(|e| unwritten().with_source(e))?;
            return Ok(to);
        }
        Err(contended())
    }

    /// The entries that the log has of a gate; none if they tell of a later record.
    async fn entries_of(&self, row: &Row) -> Result<Option<Vec<Kept>>> {
        let (mut all, mut last, ticket) = (Vec::new(), None, row.id.to_string());
        let each = |kept: &Kept| {
            if kept.leaf.header.class.as_str() != Kinds::APPROVALS {
                return Ok(());
            }
            let Some(entry) = kept.entry()? else {
                return Err(erased());
            };
            if let Some(said) = Said::of(&entry).filter(|said| said.ticket == ticket) {
                if all.len() >= MAX_ENTRIES {
                    return Err(Error::misuse("a gate with so many entries is not exported"));
                }
                all.push(kept.clone());
                last = Some(said.record.ok_or_else(wrong)?);
            }
            Ok(())
        };
        let of = Of::Tenant(row.tenant.clone());
        let read = self.0.audit.follow(&of, row.logged, None, each).await?;
        let digest = hex(&row.exported_digest(self.0.keyring.provider()));
        Ok((read.is_some() && last == Some(digest)).then_some(all))
    }
}

fn line(to: &mut impl Write, line: &impl Serialize) -> Result<()> {
    let mut text = serde_json::to_vec(line).map_err(|e| unwritten().with_source(e))?;
    text.push(b'\n');
    to.write_all(&text).map_err(|e| unwritten().with_source(e))
}

fn unwritten() -> Error {
    Error::unavailable("the export cannot be written")
}

fn erased() -> Error {
    Error::unavailable(
        "the log was erased up to after this gate was asked for: it proves it no more",
    )
}
