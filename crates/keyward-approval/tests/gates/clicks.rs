//! A vote by one click, and how a link is said to be.

use keyward_approval::danger::vote_by_one_click;
use keyward_approval::gate::{Channel, Voter, What};
use keyward_approval::link::Presented;
use keyward_approval::{Ballot, State};
use keyward_base::ErrorKind;

use crate::world::{World, subject, tenant, why};

#[tokio::test]
async fn one_click_counts_where_nobody_is_asked_who_he_is_and_once() {
    let world = World::new().await;
    let (gates, of) = (&world.gates, tenant());
    let click =
        async |link: &Presented| vote_by_one_click(gates, &of, link, Ballot::approve()).await;
    for kind in ["server.delete", "server.wipe", "server.key"] {
        let id = world.ask(kind).await;
        let (link, _) = world.link(id, None).await;
        assert_eq!(why(click(&link).await), "nobody-in-particular");
    }
    let id = world.ask("server.stop").await;
    let (killed, _) = world.link(id, None).await;
    gates.kill_link(&of, id, killed.slot()).await.unwrap();
    assert_eq!(why(click(&killed).await), "link-is-dead");
    assert_eq!(world.show(id).await.state(), State::Pending);
    let (link, _) = world.link(id, None).await;
    // Who holds it is nobody in particular: he has no passkey, and nobody lent him his vote.
    for ballot in [
        Ballot::approve().proved(vec![1]),
        Ballot::approve().lent_by(subject("bob")),
    ] {
        let refused = vote_by_one_click(gates, &of, &link, ballot).await;
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Misuse);
    }
    let silent = vote_by_one_click(gates, &of, &link, Ballot::deny(" ")).await;
    assert_eq!(why(silent), "no-reason-given");
    assert_eq!(click(&link).await.unwrap().state, State::Approved);
    assert_eq!(why(click(&link).await), "link-is-dead");
    let votes = world.show(id).await.votes().to_vec();
    assert_eq!(votes.len(), 1);
    assert_eq!(*votes[0].voter(), Voter::Holder(link.slot()));
    // Nobody takes it for one who typed a code.
    assert_eq!(votes[0].channel(), Channel::Click);
    let last = |shown: &keyward_approval::gate::Shown| {
        let voted = shown.history().iter().rev();
        let mut voted = voted.filter(|past| past.what() == What::Approved);
        voted.next().map(|past| past.channel())
    };
    assert_eq!(last(&world.show(id).await), Some(Channel::Click));
    world.check_log(id).await;
    let id = world.ask("server.stop").await;
    let (link, code) = world.link(id, None).await;
    let typed = gates.vote_as_holder(&of, &link, &code, Ballot::approve());
    assert_eq!(typed.await.unwrap().state, State::Approved);
    let shown = world.show(id).await;
    assert_eq!(shown.votes()[0].channel(), Channel::Link);
    assert_eq!(last(&shown), Some(Channel::Link));
}

#[tokio::test]
async fn a_link_says_how_it_is() {
    let world = World::new().await;
    let (gates, of) = (&world.gates, tenant());
    let id = world.ask("server.stop").await;
    let code = Some([9; 32]);
    let bob = Some(subject("bob"));
    let slot = gates.add_link(&of, id, bob.clone(), code).await.unwrap();
    let bare = gates.add_link(&of, id, None, None).await.unwrap();
    let shown = world.show(id).await;
    let link = shown.link(slot).unwrap();
    assert_eq!((link.approver, link.has_code), (bob.as_ref(), true));
    assert_eq!(
        (link.is_alive, link.is_fetched, link.tries_left),
        (true, false, 5)
    );
    let link = shown.link(bare).unwrap();
    assert_eq!((link.approver, link.has_code), (None, false));
    assert!(shown.link(2).is_none());
    gates.fetched(&of, id, slot).await.unwrap();
    let _spent = gates.reserve_try(&of, id, slot).await.unwrap();
    let shown = world.show(id).await;
    let link = shown.link(slot).unwrap();
    assert_eq!(
        (link.is_alive, link.is_fetched, link.tries_left),
        (true, true, 4)
    );
    for _ in 0..4 {
        let _spent = gates.reserve_try(&of, id, slot).await.unwrap();
    }
    let shown = world.show(id).await;
    let link = shown.link(slot).unwrap();
    assert_eq!((link.is_alive, link.tries_left), (false, 0));
    // With its gate all end.
    world.withdraw(id, "ada").await.unwrap();
    assert!(!world.show(id).await.link(bare).unwrap().is_alive);
}
