//! Whoever writes to the store, and whoever sends tokens.

use std::sync::Arc;

use keyward_base::{ErrorKind, Reason};
use keyward_session::{Admin, Revoke, SessionId, Start, User, reason};
use keyward_store::{
    Applied, Collection, Content, MemoryStore, Record, RecordKey, Records, Scan, Write,
};
use keyward_testkit::{Call, Staged, bit_flips, truncations};

use crate::world::{HOUR, USERS, World, subject, tenant};

pub(crate) fn row_key(id: SessionId) -> RecordKey {
    RecordKey {
        collection: Collection::named("session"),
        owner: String::new(),
        id: id.to_string(),
    }
}

pub(crate) fn epoch_keys() -> [RecordKey; 3] {
    [("", "all"), ("acme", "tenant"), ("acme", "user/ada")].map(|(owner, id)| RecordKey {
        collection: Collection::named("session-epoch"),
        owner: owner.to_owned(),
        id: id.to_owned(),
    })
}

pub(crate) async fn read(store: &dyn Records, key: &RecordKey) -> Record {
    store.fetch(key).await.unwrap().unwrap()
}

/// As whoever writes the table does.
pub(crate) async fn plant(store: &dyn Records, key: &RecordKey, content: Content) {
    let found = store.fetch(key).await.unwrap();
    let write = Write::put(key.clone(), found.map(|record| record.version), content);
    let applied = store.apply(vec![write]).await.unwrap();
    assert!(matches!(applied, Applied::Done(_)));
}

async fn plant_data(store: &dyn Records, key: &RecordKey, data: Vec<u8>) {
    let content = read(store, key).await.content;
    plant(store, key, Content { data, ..content }).await;
}

async fn refusal(world: &World, token: &str) -> (ErrorKind, Option<Reason>) {
    let refused = world.sessions.check_any(token).await.unwrap_err();
    (refused.kind(), refused.reason())
}

#[tokio::test]
async fn no_flipped_bit_and_no_cut_of_a_row_or_an_epoch_is_taken() {
    let world = World::new().await;
    let started = world.user("acme", "ada").await;
    let token = started.token().expose();
    let mut keys = vec![row_key(started.id())];
    keys.extend(epoch_keys());
    for key in &keys {
        let right = read(&*world.data, key).await.content;
        let cuts = truncations(&right.data).map(<[u8]>::to_vec);
        for data in bit_flips(&right.data).chain(cuts) {
            plant_data(&*world.data, key, data.clone()).await;
            let (kind, _) = refusal(&world, token).await;
            // A version that is not known may be a newer release's.
            let newer = kind == ErrorKind::Unavailable && data.get(4) != right.data.get(4);
            assert!(kind == ErrorKind::Corrupt || newer, "{kind:?}");
        }
        plant(&*world.data, key, right).await;
        world.sessions.check_any(token).await.unwrap();
    }
}

#[tokio::test]
async fn nothing_of_a_row_stands_in_the_place_of_another() {
    let world = World::new().await;
    let ada = world.user("acme", "ada").await;
    let eve = world.user("acme", "eve").await;
    let admin = world.admin("acme", "bob").await;
    let key = row_key(ada.id());
    let right = read(&*world.data, &key).await.content;
    for other in [&eve, &admin] {
        let whole = read(&*world.data, &row_key(other.id())).await.content;
        // Whole, it is the row of another id.
        plant(&*world.data, &key, whole.clone()).await;
        let (kind, _) = refusal(&world, ada.token().expose()).await;
        assert_eq!(kind, ErrorKind::Corrupt);
        // Every piece of it, at every place where one begins and ends, and the MAC with it or not.
        let length = right.data.len().min(whole.data.len());
        for from in 0..length {
            for until in [1, 2, 8, 16, 24, 32, 48, 72, 144].map(|more| from + more) {
                if until > length || right.data[from..until] == whole.data[from..until] {
                    continue;
                }
                let mut mixed = right.data.clone();
                mixed[from..until].copy_from_slice(&whole.data[from..until]);
                plant_data(&*world.data, &key, mixed).await;
                let (kind, _) = refusal(&world, ada.token().expose()).await;
                assert_eq!(kind, ErrorKind::Corrupt, "{from}..{until}");
            }
        }
    }
    plant(&*world.data, &key, right).await;
    let live = world
        .sessions
        .check::<User>(ada.token().expose())
        .await
        .unwrap();
    assert_eq!(live.subject(), &subject("ada"));
    let refused = world.sessions.check::<Admin>(ada.token().expose()).await;
    assert_eq!(refused.unwrap_err().reason(), Some(reason::OTHER_KIND));
}

#[tokio::test]
async fn what_a_store_keeps_beside_a_row_decides_nothing() {
    let world = World::new().await;
    let ada = world.user("acme", "ada").await;
    let eve = world.user("acme", "eve").await;
    let of_eve = read(&*world.data, &row_key(eve.id())).await.content;
    let key = row_key(ada.id());
    let right = read(&*world.data, &key).await.content;
    let edited = Content {
        word: of_eve.word.clone(),
        expires: None,
        mac_key: String::new(),
        token_key: String::new(),
        sealed: "anything".to_owned(),
        data: right.data,
    };
    plant(&*world.data, &key, edited).await;
    let live = world
        .sessions
        .check::<User>(ada.token().expose())
        .await
        .unwrap();
    assert_eq!(live.subject(), &subject("ada"));
    // It does not get into the list of somebody else.
    let of_eve = world
        .sessions
        .check::<User>(eve.token().expose())
        .await
        .unwrap();
    let listed = world.sessions.devices(&of_eve).await.unwrap();
    assert_eq!(listed.len(), 1);
}

#[tokio::test]
async fn an_epoch_of_another_scope_or_that_is_gone_or_made_anew_refuses() {
    let world = World::new().await;
    let ada = world.user("acme", "ada").await;
    let _eve = world.user("acme", "eve").await;
    let token = ada.token().expose();
    let [all, of_tenant, of_user] = epoch_keys();
    let of_eve = RecordKey {
        id: "user/eve".to_owned(),
        ..of_user.clone()
    };
    let places = [&all, &of_tenant, &of_user];
    for place in places {
        let right = read(&*world.data, place).await.content;
        for other in places
            .into_iter()
            .chain([&of_eve])
            .filter(|key| *key != place)
        {
            let moved = read(&*world.data, other).await.content;
            plant(&*world.data, place, moved).await;
            let (kind, _) = refusal(&world, token).await;
            assert_eq!(kind, ErrorKind::Corrupt, "{other:?} at {place:?}");
        }
        plant(&*world.data, place, right).await;
        world.sessions.check_any(token).await.unwrap();
    }
    for place in places {
        let started = world.user("acme", "ada").await;
        let version = read(&*world.data, place).await.version;
        let key = place.clone();
        let gone = world.data.apply(vec![Write::Delete { key, version }]).await;
        assert!(matches!(gone.unwrap(), Applied::Done(_)));
        let why = refusal(&world, started.token().expose()).await;
        assert_eq!(why, (ErrorKind::Rejected, Some(reason::ENDED)));
        // Whoever logs in next makes it anew: nothing lives again by that.
        let next = world.user("acme", "ada").await;
        world
            .sessions
            .check_any(next.token().expose())
            .await
            .unwrap();
        let why = refusal(&world, started.token().expose()).await;
        assert_eq!(why, (ErrorKind::Rejected, Some(reason::ENDED)));
    }
}

#[tokio::test]
async fn a_damaged_epoch_is_made_anew_by_who_logs_in_or_revokes() {
    let world = World::new().await;
    let [all, of_tenant, of_user] = epoch_keys();
    for place in [&all, &of_tenant, &of_user] {
        let started = world.user("acme", "ada").await;
        let mut data = read(&*world.data, place).await.content.data;
        *data.last_mut().unwrap() ^= 1;
        plant_data(&*world.data, place, data.clone()).await;
        let _before = world.audit.take();
        let next = world.user("acme", "ada").await;
        let told = world.audit.take();
        assert!(told.iter().any(|event| event.action == "session.refused"));
        world
            .sessions
            .check_any(next.token().expose())
            .await
            .unwrap();
        let why = refusal(&world, started.token().expose()).await;
        assert_eq!(why, (ErrorKind::Rejected, Some(reason::ENDED)));
        plant_data(&*world.data, place, data).await;
        for revoke in [
            Revoke::everything(),
            Revoke::tenant(tenant("acme")),
            Revoke::user(tenant("acme"), subject("ada")),
        ] {
            world.sessions.revoke(revoke).await.unwrap();
        }
        let why = refusal(&world, next.token().expose()).await;
        assert_eq!(why, (ErrorKind::Rejected, Some(reason::ENDED)));
        world.tick();
    }
}

#[tokio::test]
async fn a_row_put_back_lives_as_the_threat_model_says() {
    let world = World::new().await;
    let ada = world.user("acme", "ada").await;
    let token = ada.token().expose();
    let key = row_key(ada.id());
    let first = read(&*world.data, &key).await.content;
    world.pass(HOUR * 100).await;
    world.sessions.check_any(token).await.unwrap();
    let renewed = read(&*world.data, &key).await.content;
    assert!(renewed.data != first.data, "it was renewed");
    // An older state of a session that lives has its older idle deadline.
    plant(&*world.data, &key, first.clone()).await;
    let live = world.sessions.check::<User>(token).await.unwrap();
    // One that was ended lives again, until its deadline or the next move of an epoch.
    world.sessions.end(&live).await.unwrap();
    assert_eq!(refusal(&world, token).await.1, Some(reason::ENDED));
    plant(&*world.data, &key, first.clone()).await;
    let live = world.sessions.check::<User>(token).await.unwrap();
    // The person's other sessions end him too: the epoch that it was of has moved.
    let other = world.user("acme", "ada").await;
    let own = world
        .sessions
        .check::<User>(other.token().expose())
        .await
        .unwrap();
    world.sessions.end_others(&own).await.unwrap();
    plant(&*world.data, &key, first).await;
    assert_eq!(refusal(&world, token).await.1, Some(reason::ENDED));
    drop(live);
}

#[tokio::test]
async fn an_epoch_put_back_undoes_revokes_until_the_next_which_ends_all_of_it() {
    let world = World::new().await;
    let first = world.user("acme", "ada").await;
    let [_, _, of_user] = epoch_keys();
    let before = read(&*world.data, &of_user).await.content;
    let revoke = || Revoke::user(tenant("acme"), subject("ada"));
    world.tick();
    world.sessions.revoke(revoke()).await.unwrap();
    world.tick();
    let second = world.user("acme", "ada").await;
    plant(&*world.data, &of_user, before).await;
    world
        .sessions
        .check_any(first.token().expose())
        .await
        .unwrap();
    let why = refusal(&world, second.token().expose()).await;
    assert_eq!(why.1, Some(reason::ENDED));
    // A number that is counted up would now be the second's again.
    for revoke in [revoke(), revoke().kind(keyward_session::Kind::User)] {
        world.sessions.revoke(revoke).await.unwrap();
        for started in [&first, &second] {
            let why = refusal(&world, started.token().expose()).await;
            assert_eq!(why.1, Some(reason::ENDED));
        }
    }
}

#[tokio::test]
async fn nothing_in_the_tables_is_a_token() {
    let world = World::new().await;
    let ada = world.user("acme", "ada").await;
    let token = ada.token().expose().to_owned();
    let payload = keyward_base::encoding::from_base64url(&token[4..]).unwrap();
    for collection in ["session", "session-epoch"] {
        let scan = Scan::of(Collection::named(collection));
        for record in world.data.scan(scan).await.unwrap().items {
            let held = [record.content.data.as_slice(), record.key.id.as_bytes()].concat();
            // 8 bytes of the secret.
            for piece in payload[25..57].windows(8) {
                assert!(!held.windows(8).any(|at| at == piece));
            }
        }
    }
    // What the row keeps of the secret, in its place, proves nothing.
    let row = read(&*world.data, &row_key(ada.id())).await.content.data;
    let proof = &row[5 + 8 + 8 + 16..][..32];
    let mut forged = payload.clone();
    forged[25..57].copy_from_slice(proof);
    let forged = format!("kws_{}", keyward_base::encoding::base64url(&forged));
    assert_eq!(
        refusal(&world, &forged).await.1,
        Some(Reason::NOT_AUTHENTIC)
    );
}

#[tokio::test]
async fn what_is_no_token_of_ours_asks_no_store() {
    let staged = Staged::over(Arc::new(MemoryStore::new(1_000)));
    let keys = Staged::over(Arc::new(MemoryStore::new(1_000)));
    let world = World::over(keys.clone(), staged.clone()).await;
    let started = world.user("acme", "ada").await;
    let token = started.token().expose().to_owned();
    staged.take_calls();
    keys.take_calls();
    let bytes = keyward_base::encoding::from_base64url(&token[4..]).unwrap();
    let text = |bytes: &[u8]| format!("kws_{}", keyward_base::encoding::base64url(bytes));
    let mut forged: Vec<String> = bit_flips(&bytes).map(|flipped| text(&flipped)).collect();
    forged.extend(truncations(&bytes).map(text));
    forged.extend((0..token.len()).map(|at| token[..at].to_owned()));
    forged.extend((0..token.len()).map(|at| {
        let mut chars: Vec<char> = token.chars().collect();
        chars[at] = if chars[at] == 'A' { 'B' } else { 'A' };
        chars.into_iter().collect()
    }));
    forged.extend(["", "kws_", " ", "\u{e9}"].map(str::to_owned));
    forged.push(format!("{token} "));
    forged.push(format!("{token}="));
    forged.push("kws_".to_owned() + &"A".repeat(600));
    for text in forged.iter().filter(|text| **text != token) {
        let refused = world.sessions.check_any(text).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Rejected);
        assert_eq!(refused.to_string(), "rejected");
    }
    assert_eq!(staged.take_calls(), []);
    assert_eq!(keys.take_calls(), []);
    // The right one: two reads.
    world.sessions.check_any(&token).await.unwrap();
    let calls = staged.take_calls();
    assert_eq!(calls, [Call::Fetch("session".to_owned()), Call::FetchMany]);
}

#[tokio::test]
async fn a_revoke_costs_the_same_whatever_it_ends() {
    let mut costs = Vec::new();
    for count in [1, 10_000] {
        let staged = Staged::over(Arc::new(MemoryStore::new(100_000)));
        let keys = Arc::new(MemoryStore::new(1_000));
        let world = World::over(keys, staged.clone()).await;
        let mut tokens = Vec::new();
        for _ in 0..count {
            let shown = world.shown("acme", "ada", USERS);
            tokens.push(world.sessions.start(shown, Start::new()).await.unwrap());
        }
        world.tick();
        let _before = staged.take_calls();
        let (of, who) = (tenant("acme"), subject("ada"));
        let _ended = world.sessions.end_all(&of, &who).await.unwrap();
        costs.push(staged.take_calls());
        for token in [&tokens[0], &tokens[count - 1], &tokens[count / 2]] {
            assert_eq!(
                refusal(&world, token.token().expose()).await.1,
                Some(reason::ENDED)
            );
        }
    }
    assert_eq!(costs[0], costs[1]);
    let fetch = Call::Fetch("session-epoch".to_owned());
    assert_eq!(costs[0], [fetch, Call::Apply]);
}
