//! The vectors of `docs/formats/webhook.md`.

use keyward_base::ErrorKind;
use keyward_store::conformance::block_on;
use keyward_store::{Begun, Claim, Collection, Content, Finished, Once, RecordKey, Write};
use keyward_webhook::inbox::{self, Fault, State};
use keyward_webhook::{
    Claimed, Claims, Covered, Delivery, OnceTerms, Outcome, OwnedWebhook, WholeBody, preset,
};

use crate::inbox::World;
use crate::support::{acme, at, claims, clock, github, memory, standard};

const STANDARD: &str = "0f2bc7b968789f5f7a78d8df6044280fec318559ffc19c548872c6977607f2cd";
const GITHUB: &str = "12852354ee6381e4e3ad913733df35f5dd885fa97449cd8de80232d3021a08b4";
const BESIDE: &str = "9b9a1e29f47d776d9d390958323283f614f074e92a67794f2b617ac30972e855";
const RESULT: &str = "016b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b";
const KEPT: &str = "webhook/107fc72f670aa098b85a00e1f8231dcd";

fn key(collection: &str, id: &str) -> RecordKey {
    RecordKey {
        collection: Collection::new(collection).unwrap(),
        owner: "acme".to_owned(),
        id: id.to_owned(),
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    keyward_crypto::Provider::default().sha256(&[bytes])
}

fn whole(digest: [u8; 32]) -> Claim {
    Claim::whole(digest, at(1_000_000_000_000))
}

async fn handled(claims: &Claims, hook: &OwnedWebhook<WholeBody>) {
    let handler = async { Ok::<_, ()>(()) };
    let outcome = claims.handle(&acme(), &hook.get(), handler).await;
    assert_eq!(outcome.unwrap(), Outcome::Done);
}

#[test]
fn claims_are_what_the_page_says() {
    block_on(async {
        let (clock, store) = (clock(), memory());
        let standards = OnceTerms::of(&preset::STANDARD_WEBHOOKS);
        let standards = claims(standards, store.clone(), &clock);
        let hook = standard("msg_1", b"{}", at(0));
        assert_eq!(
            standards.id(&acme(), &hook.get()).unwrap().to_string(),
            STANDARD
        );

        let lets = OnceTerms::of(&preset::GITHUB).run_repeated();
        let lets = claims(lets, store.clone(), &clock);
        for (id, claim) in [("1", GITHUB), ("2", BESIDE)] {
            let hook = github(id, b"{}");
            handled(&lets, &hook).await;
            let place = key("webhook", claim);
            let found = store.begin(&place, whole(sha256(b"{}")), at(1));
            let Begun::Done(result) = found.await.unwrap() else {
                panic!("{claim} was not done");
            };
            let hex = keyward_base::encoding::hex(&result);
            assert_eq!(hex == RESULT, id == "1", "{hex}");
        }
        let kept = OnceTerms::of(&preset::GITHUB).keep_until_secret_changes();
        let kept = claims(kept, store.clone(), &clock);
        let hook = github("1", b"{}");
        handled(&kept, &hook).await;
        let kept = Collection::new(KEPT).unwrap();
        let century = 36_525 * 86_400_000;
        assert_eq!(
            store.purge_once(&kept, at(century - 1), 9).await.unwrap(),
            0
        );
        assert_eq!(store.purge_once(&kept, at(century), 9).await.unwrap(), 1);
    });
}

#[test]
fn a_result_that_nobody_recorded_is_told_from_one_of_a_newer_release() {
    block_on(async {
        let (clock, store) = (clock(), memory());
        let claims = claims(OnceTerms::of(&preset::GITHUB), store.clone(), &clock);
        let hook = github("1", b"{}");
        let place = key("webhook", GITHUB);
        for (result, kind) in [
            (&[][..], ErrorKind::Corrupt),
            (&[0; 33], ErrorKind::Corrupt),
            (&[1; 32], ErrorKind::Corrupt),
            (&[1; 34], ErrorKind::Corrupt),
            (&[2; 33], ErrorKind::Unavailable),
        ] {
            let begun = store.begin(&place, whole(sha256(b"{}")), at(0)).await;
            let Begun::Lease(token) = begun.unwrap() else {
                panic!("no lease");
            };
            let finished = store.finish(&place, token, result, at(1_000)).await;
            assert_eq!(finished.unwrap(), Finished::Recorded);
            let refused = claims.claim(&acme(), &hook.get()).await;
            assert_eq!(refused.unwrap_err().kind(), kind, "{result:?}");
            assert!(store.forget(&place).await.unwrap());
        }
        assert!(matches!(
            claims.claim(&acme(), &hook.get()).await,
            Ok(Claimed::First(_))
        ));
    });
}

const HEAD: &[&str] = &[
    "6b77696e01010100000002000001a1ee568510000001a1ee56bfa800000000000000000000000000",
    "00000012852354ee6381e4e3ad913733df35f5dd885fa97449cd8de80232d3021a08b444136fa355",
    "b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a0000000000000002000001a1ee",
    "565e000000000000000000000000000000000001000200066769746875620007323032362d313100",
    "0131000470757368",
];

const WORD: &str = "w000001a1ee56bfa8";

const PIECE: &str = "6b776970010c3f3a90ca1c9931dae34b7e0804f3735afabe87fbeff546fe256bfc8d3afd6a";

fn bytes(hex: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(digit).collect()
}

#[tokio::test]
async fn rows_are_what_the_page_says() {
    let head = bytes(&HEAD.concat());
    for data in [&head, &bytes(PIECE)] {
        assert_eq!(&inbox::reread(data).unwrap(), data);
        for cut in 0..data.len() {
            assert!(inbox::reread(&data[..cut]).is_err(), "{cut}");
        }
        let longer = [data.as_slice(), b"\0"].concat();
        assert_eq!(
            inbox::reread(&longer).unwrap_err().kind(),
            ErrorKind::Corrupt
        );
        let mut newer = data.clone();
        newer[4] = 2;
        assert_eq!(
            inbox::reread(&newer).unwrap_err().kind(),
            ErrorKind::Unavailable
        );
    }
    // As a store gives it, and in the words of a list.
    let world = World::new().await;
    let row = "000001a1edcb56000102030405060708";
    let content = Content {
        data: head,
        word: WORD.to_owned(),
        ..Content::default()
    };
    let key = RecordKey {
        collection: Collection::named("webhook-inbox"),
        owner: "acme".to_owned(),
        id: format!("deploys/{row}"),
    };
    world.apply(Write::Insert { key, content }).await;
    let page = world.inbox.list(&acme().tenant, None, 10).await.unwrap();
    let listed = page.items.first().unwrap();
    assert_eq!(listed.endpoint(), &acme());
    assert_eq!(
        (listed.row().to_string().as_str(), listed.provider()),
        (row, "github")
    );
    assert_eq!(
        (listed.state(), listed.fault()),
        (State::Waiting, Fault::Failed)
    );
    assert_eq!(
        (listed.attempts(), listed.key(), listed.body_len()),
        (2, "2026-11", 2)
    );
    assert_eq!((listed.received(), listed.signed()), (at(0), None));
    assert_eq!((listed.since(), listed.due()), (at(10_000), at(25_000)));
    assert_eq!(listed.body_digest(), sha256(b"{}"));
    assert_eq!(listed.claim().to_string(), GITHUB);
    assert_eq!(listed.coverage(), Covered::WholeBody);
    let Delivery::Unsigned(id) = listed.delivery() else {
        panic!("it is not unsigned");
    };
    assert_eq!(
        (id.claimed(), listed.event().unwrap().claimed()),
        ("1", "push")
    );
    // The word is the time at which it is found.
    world.clock.set(at(24_999));
    assert!(world.inbox.next().await.unwrap().is_none());
    assert_eq!(world.inbox.counts(None).await.unwrap().waiting, 1);
    // It has no body: it is a dead letter once it is due.
    world.clock.set(at(25_000));
    assert!(world.inbox.next().await.unwrap().is_none());
    let dead = world
        .inbox
        .dead_letters(None, None, 10)
        .await
        .unwrap()
        .items;
    assert_eq!(dead[0].fault(), Fault::Damaged);
}
