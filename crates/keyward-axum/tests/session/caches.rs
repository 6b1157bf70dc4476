//! What is said for a session is kept by no cache of others.

use crate::client::Client;
use crate::service::start;

#[test]
fn an_answer_for_a_session_is_kept_from_others() {
    let (to, _) = start();
    let mut user = Client::of(to);
    user.log_in("name=ali");
    for client in [&user, &Client::of(to)] {
        for (path, said) in [
            ("/", "no-store"),
            ("/maybe", "no-store"),
            // A handler's mistake does not hand it on.
            ("/public", "no-store"),
            ("/private", "Private, max-age=60"),
            ("/no-store", "no-store"),
            ("/admin", "no-store"),
        ] {
            let answer = client.get(path);
            assert_eq!(answer.header("cache-control"), Some(said), "{path}");
            assert_eq!(answer.header("vary"), Some("cookie"), "{path}");
        }
        // What no session was asked for is the handler's to say.
        let open = client.get("/open");
        assert_eq!(open.header("cache-control"), Some("public, max-age=60"));
        assert_eq!(open.header("vary"), None);
    }
}
