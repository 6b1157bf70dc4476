//! One click alone, where somebody asked for that by name.

use keyward_approval::State;
use keyward_approval::gate::{Voter, What};
use keyward_axum::danger::scanners_may_approve;

use crate::service::{Service, acme};

const APPROVE: (&str, &str) = ("decision", "approve");

#[test]
fn one_click_decides_under_rules_that_ask_nobody_who_he_is() {
    let service = Service::with(scanners_may_approve);
    let mailed = service.mailed("server.stop", Some("bob"));
    let page = service.open(&mailed, "");
    assert!(!page.answer.body.contains("name=\"code\""));
    // From the page it has to come all the same.
    let fields = [("token", mailed.token.as_str()), APPROVE];
    assert_eq!(service.send(&fields, &page.cookies).status, 403);
    let whole = [fields[0], ("mark", page.mark.as_str()), APPROVE];
    let away = service.send_from("http://evil.example", &whole, &page.cookies);
    assert_eq!(
        (away.status, service.state(mailed.gate)),
        (403, State::Pending)
    );
    assert_eq!(service.answer_on(&page, &mailed, &[APPROVE]).status, 200);
    let shown = service.shown(mailed.gate);
    assert_eq!(shown.state(), State::Approved);
    assert_eq!(*shown.votes()[0].voter(), Voter::Holder(0));
    assert_eq!(service.answer_on(&page, &mailed, &[APPROVE]).status, 404);
    // Others ask, as ever.
    for kind in ["server.delete", "server.wipe", "server.rotate"] {
        let mailed = service.mailed(kind, None);
        assert_eq!(service.open(&mailed, "").mark, "", "{kind}");
    }
    let killed = service.mailed("server.stop", None);
    let page = service.open(&killed, "");
    let tenant = acme();
    let killing = service.gates.kill_link(&tenant, killed.gate, 0);
    service.runtime.block_on(killing).unwrap();
    assert_eq!(service.answer_on(&page, &killed, &[APPROVE]).status, 404);
    assert_eq!(service.count(killed.gate, What::Approved), 0);
}
