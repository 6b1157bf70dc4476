//! Whose gates went on: what whoever asked is to be told, from the log, where no crash loses it.

use keyward_audit::entry::{Entry, Typed};
use keyward_audit::{Kinds, Of};
use keyward_base::{Error, Result, Tenant};

use super::id::GateId;
use super::{Gates, What};

/// Which gates went on, and from where the next are.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct News {
    /// The gates, in the order of what happened to each first: each once.
    pub gates: Vec<GateId>,
    /// To go on from, once all of them were told of: the number of the entry after the last that was
    /// read.
    pub next: u64,
}

/// Of what whoever asked is told, beside decisions.
const TOLD: [What; 4] = [
    What::Executed,
    What::Failed,
    What::Indeterminate,
    What::AskedAnew,
];

impl Gates {
    /// The gates of a tenant that were decided, run, or can no more be, by the entries of its log from
    /// number `from` on, of which at most `limit` (1 to 4,096) are read: fewer gates than that, or none,
    /// does not say that there is no more, but a `next` that is `from` does. What a gate is now
    /// [`Gates::callback`] says; this says only of which to ask.
    ///
    /// Whoever begins again where it last kept `next` misses nothing: an entry is in the log in the batch
    /// that decides. What time does is there once somebody looks: [`Gates::tick`] does.
    ///
    /// # Errors
    /// `Corrupt` if an entry is not what was written, or the log is shorter than `from`: begin at 0.
    /// `Misuse` for another limit; `Unavailable` if the store cannot be reached.
    pub async fn news(&self, tenant: &Tenant, from: u64, limit: usize) -> Result<News> {
        let of = Of::Tenant(tenant.clone());
        let page = self.0.audit.entries(&of, from, limit).await?;
        let mut news = News {
            gates: Vec::new(),
            next: from,
        };
        for kept in &page.entries {
            news.next = kept.seq.saturating_add(1);
            // What retention erased is older than anybody waits.
            let Some(entry) = kept.entry()? else { continue };
            if let Some(gate) = gate_of(&entry).filter(|gate| !news.gates.contains(gate)) {
                news.gates.push(gate);
            }
        }
        if page.entries.is_empty() && from > 0 {
            let head = self.0.audit.head(&of).await?;
            if head.is_none_or(|head| head.size() < from) {
                return Err(Error::corrupt(
                    "the log is shorter than where it was read to: begin at its start",
                ));
            }
        }
        Ok(news)
    }
}

/// The gate that went on, if the entry is about one.
fn gate_of(entry: &Entry) -> Option<GateId> {
    let find = |name: &str| {
        let mut detail = entry.detail.iter();
        detail.find_map(|(own, typed)| (own == name).then_some(typed))
    };
    let is_told = match (entry.action.as_str(), find("event")) {
        (Kinds::DECIDE, _) => true,
        (Kinds::NOTE, Some(Typed::Word(word))) => TOLD.iter().any(|what| what.as_str() == word),
        _ => false,
    };
    match find("ticket")? {
        Typed::Id(ticket) if is_told => GateId::parse(ticket).ok(),
        _ => None,
    }
}
