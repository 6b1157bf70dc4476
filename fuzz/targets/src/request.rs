//! A whole request of a stranger, as the web layer decides on it, and whatever a handler answers.

use bytes::Bytes;
use http::header::{AUTHORIZATION, COOKIE, ORIGIN, SET_COOKIE};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};
use keyward_http::{
    ClientIp, Cors, Decision, InRequest, Nonce, Origins, Proxies, RoutePolicy, WebGuard, words,
};

use crate::web::now;

/// What every answer has, once, with this value.
const ALWAYS: [(&str, &str); 6] = [
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("strict-transport-security", "max-age=31536000"),
];

/// The first line: which policy (`p`ages, `m`achines, `c`ross-origin), the peer's last byte, the
/// status of the handler's answer, method and target. Then `name: value` lines, each for the request and, behind a
/// `>`, for the answer. Whatever they are, the answer has all headers, and of an error nothing but its status.
pub fn axum_request(data: &[u8]) {
    let mut lines = data.split(|b| *b == b'\n');
    let first = String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
    let mut words_of = first.split(' ');
    let (kind, peer) = (words_of.next().unwrap_or_default(), words_of.next());
    let peer: Option<u8> = peer.and_then(|peer| peer.parse().ok());
    let status = words_of
        .next()
        .and_then(|status| status.parse::<u16>().ok());
    let Ok(status) = StatusCode::from_u16(status.unwrap_or(200)) else {
        return;
    };
    let mut head: Parts = Request::new(()).into_parts().0;
    if let Some(method) = words_of.next().and_then(|method| method.parse().ok()) {
        head.method = method;
    }
    if let Some(target) = words_of
        .next()
        .and_then(|target| target.parse::<Uri>().ok())
    {
        head.uri = target;
    }
    let mut answer = Response::new(Bytes::from_static(b"of the inside"));
    *answer.status_mut() = status;
    for line in lines {
        let (line, into) = match line.strip_prefix(b">") {
            Some(line) => (line, answer.headers_mut()),
            None => (line, &mut head.headers),
        };
        let Some(at) = line.iter().position(|b| *b == b':') else {
            continue;
        };
        let name = HeaderName::from_bytes(&line[..at]);
        let value = HeaderValue::from_bytes(line[at + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            into.append(name, value);
        }
    }
    let policy = policy(kind);
    let is_page = kind != "m" && kind != "c";
    let asked = head.clone();
    let peer = peer.map(|last| [192, 0, 2, last].into());
    let (answer, passed) = match now(policy.decide(&mut head, peer).settle()) {
        Decision::Answer(answer) => (answer, false),
        Decision::Pass(passed) => {
            assert!(InRequest::of(&head).is_ok());
            assert_eq!(ClientIp::of(&head).is_ok(), peer.is_some());
            assert_eq!(Nonce::of(&head).is_ok(), is_page);
            assert!(is_page || !head.headers.contains_key(COOKIE));
            (passed.finished(answer), true)
        }
    };
    for (name, value) in ALWAYS {
        let all: Vec<_> = answer.headers().get_all(name).iter().collect();
        assert_eq!(all, [value], "{name}");
    }
    let content: Vec<_> = answer
        .headers()
        .get_all("content-security-policy")
        .iter()
        .collect();
    assert!(content.len() == 1 && content[0].as_bytes().starts_with(b"default-src 'none'"));
    assert!(answer.headers().contains_key("cache-control"));
    let id = &answer.headers()["x-request-id"];
    assert!(id.len() == 32 && id.as_bytes().iter().all(u8::is_ascii_hexdigit));
    let credentials = answer.headers().get("access-control-allow-credentials");
    assert!(credentials.is_none() && (is_page || !answer.headers().contains_key(SET_COOKIE)));
    if let Some(origin) = answer.headers().get("access-control-allow-origin") {
        assert_eq!((kind, origin), ("c", &asked.headers[ORIGIN]));
        assert_eq!(origin, "https://console.example.com");
    }
    let status = answer.status();
    if status.is_client_error() || status.is_server_error() {
        assert_eq!(answer.body(), format!("{}\n", words(status)).as_bytes());
    }
    if passed && is_page {
        let harmless = matches!(asked.method, Method::GET | Method::HEAD | Method::OPTIONS);
        let says =
            asked.headers.contains_key(ORIGIN) || asked.headers.contains_key("sec-fetch-site");
        assert!(harmless || says);
        let keys = asked.headers.get_all(AUTHORIZATION).iter();
        assert!(
            keys.into_iter()
                .all(|key| key.as_bytes().to_ascii_lowercase().starts_with(b"basic"))
        );
    }
    if passed {
        assert!(asked.headers.get_all("host").iter().count() <= 1);
    }
}

fn policy(kind: &str) -> RoutePolicy {
    let origins = Origins::only(&["https://app.example.com"]).expect("an origin");
    let proxies = Proxies::x_forwarded_for(&["192.0.2.0/25"]).expect("a network");
    let guard = WebGuard::new(origins).proxies(proxies);
    match kind {
        "m" => RoutePolicy::machines(&guard),
        "c" => {
            let cors = Cors::only(&["https://console.example.com"]).expect("an origin");
            RoutePolicy::machines_with_cors(&guard, cors)
        }
        _ => RoutePolicy::pages(&guard),
    }
}
