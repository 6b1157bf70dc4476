//! Who owns an organisation: an owner has a member made another, or an owner made a member, and there is
//! always one.

use keyward_audit::Given;
use keyward_base::audit::Outcome;
use keyward_base::{Actor, Error, Reason, Result, Subject, Tenant};
use keyward_store::{Applied, Records, Write};

use super::record::CHANGE;
use super::{Desk, Office};
use crate::people::{self, Person, Role};

/// What becomes of a change.
#[derive(Debug)]
#[must_use]
pub(crate) enum Change {
    /// These writes make it.
    By(Vec<Write>),
    /// He is that already.
    Already,
    /// No other owner would be left.
    Last,
    /// He is none of the organisation's.
    Gone,
}

/// The writes that make somebody that. Of two owners who are lowered at once, the one whose batch comes
/// second is not: each has the other in it, as he was found.
async fn change(store: &dyn Records, of: &Tenant, who: &Subject, to: Role) -> Result<Change> {
    let (mut person, version) = match Person::fetch(store, of, who).await {
        Ok(found) => found,
        Err(e) if e.reason() == Some(Reason::NOT_FOUND) => return Ok(Change::Gone),
        Err(e) => return Err(e),
    };
    if person.role == to {
        return Ok(Change::Already);
    }
    let mut writes = Vec::new();
    if to != Role::Owner {
        let Some((key, version)) = Person::another_owner(store, of, who).await? else {
            return Ok(Change::Last);
        };
        let version = Some(version);
        writes.push(Write::Require { key, version });
    }
    person.role = to;
    let content = person.content()?;
    writes.push(Write::put(people::key(of, who), Some(version), content));
    Ok(Change::By(writes))
}

impl Desk {
    /// What makes somebody an owner, or a member, as things are now.
    pub(crate) async fn change(&self, of: &Tenant, who: &Subject, to: Role) -> Result<Change> {
        change(self.data(), of, who, to).await
    }

    /// Has it on record who makes whom what, before it is done.
    pub(super) async fn tell_change(
        &self,
        of: &Tenant,
        (who, to): (&Subject, Role),
        by: &Actor,
    ) -> Result<()> {
        let given = [
            ("person", Given::Id(who.as_str())),
            ("role", Given::Word(to.word())),
        ];
        let of = Some(of);
        self.tell(of, CHANGE, Outcome::Done, &given, Some(by), None)
            .await
    }
}

impl Office {
    /// Makes somebody that at once, where no policy holds it.
    pub(crate) async fn change_now(&self, who: &Subject, to: Role) -> Result<()> {
        let Change::By(writes) = self.desk.change(&self.tenant, who, to).await? else {
            return Err(Error::rejected(Reason::CONFLICT));
        };
        let change = (who, to);
        self.desk
            .tell_change(&self.tenant, change, &self.who)
            .await?;
        match self.desk.data().apply(writes).await? {
            Applied::Done(_) => Ok(()),
            _ => Err(Error::rejected(Reason::CONFLICT)),
        }
    }
}

#[cfg(test)]
mod tests {
    use keyward_base::Timestamp;
    use keyward_store::MemoryStore;

    use super::*;

    async fn with(roles: &[Role]) -> (MemoryStore, Tenant, Vec<Subject>) {
        let (store, of) = (MemoryStore::new(100), Tenant::new("acme").unwrap());
        let mut all = Vec::new();
        for (nth, role) in roles.iter().enumerate() {
            let who = Subject::new(&format!("u-{nth}")).unwrap();
            let person = Person::new("a@example.com", *role, Timestamp::from_millis(1));
            let insert = person.insert(&of, &who).unwrap();
            let done = store.apply(vec![insert]).await.unwrap();
            assert!(matches!(done, Applied::Done(_)));
            all.push(who);
        }
        (store, of, all)
    }

    #[tokio::test]
    async fn there_is_always_an_owner() {
        let (store, of, all) = with(&[Role::Owner, Role::Member, Role::Member]).await;
        let last = change(&store, &of, &all[0], Role::Member).await.unwrap();
        assert!(matches!(last, Change::Last));
        let already = change(&store, &of, &all[1], Role::Member).await.unwrap();
        assert!(matches!(already, Change::Already));
        let other = Subject::new("u-9").unwrap();
        let gone = change(&store, &of, &other, Role::Owner).await.unwrap();
        assert!(matches!(gone, Change::Gone));
    }

    #[tokio::test]
    async fn of_two_owners_who_are_lowered_at_once_one_stays() {
        let (store, of, all) = with(&[Role::Owner, Role::Owner, Role::Member]).await;
        let mut batches = Vec::new();
        for who in &all[..2] {
            match change(&store, &of, who, Role::Member).await.unwrap() {
                Change::By(writes) => batches.push(writes),
                other => panic!("{other:?}"),
            }
        }
        let mut done = 0;
        for batch in batches {
            let applied = store.apply(batch).await.unwrap();
            done += usize::from(matches!(applied, Applied::Done(_)));
        }
        assert_eq!(done, 1);
        assert_eq!(Person::owners(&store, &of).await.unwrap().len(), 1);
    }
}
