//! What reading costs.

use allocation_counter::measure;
use keyward_session::Cookie;

#[test]
fn reading_allocates_nothing() {
    let crowd = "other=".to_owned() + &"x".repeat(4000);
    let lines = [crowd.as_bytes(), b"a=1; __Host-session=kws_AQ; b=2", b"c"];
    let mut found = None;
    let cost = measure(|| found = Cookie::USER.read(lines).ok());
    assert_eq!((found, cost.count_total), (Some(Some("kws_AQ")), 0));
    let cost = measure(|| found = Cookie::ADMIN.read(lines).ok());
    assert_eq!((found, cost.count_total), (Some(None), 0));
}
