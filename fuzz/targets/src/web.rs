//! What a stranger's request can hold: forms, and the headers that say where it comes from. All
//! through the public extractor and layer.

use std::convert::Infallible;
use std::future::{Future, ready};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use axum::body::Body;
use axum::extract::FromRequest;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use keyward_axum::forwarded::{Basis, Proxies};
use keyward_axum::{Cors, Origins, RoutePolicy, SecretForm, WebGuard};
use keyward_base::ErrorKind;
use tower::{Layer, Service, service_fn};

/// Nothing here waits: bodies are whole, handlers answer at once.
pub(crate) fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it waited"),
    }
}

fn form(kind: &str, body: &[u8]) -> Option<SecretForm> {
    let request = Request::post("/")
        .header("content-type", kind)
        .body(Body::from(body.to_vec()))
        .expect("a request");
    match now(SecretForm::from_request(request, &())) {
        Ok(form) => Some(form),
        Err(failure) => {
            assert_eq!(failure.status(), StatusCode::BAD_REQUEST);
            None
        }
    }
}

/// Lines of `Authorization`. A token that is read is one that a second reader finds, by the grammar of
/// RFC 6750, in the one line there is.
pub fn axum_authorization(data: &[u8]) {
    let mut headers = HeaderMap::new();
    let mut all = Vec::new();
    for line in data.split(|b| *b == b'\n') {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append("authorization", value);
            all.push(line);
        }
    }
    let read = keyward_axum::authorization::bearer(&headers);
    let token = match (read, all.as_slice()) {
        (Ok(None), lines) => return assert!(lines.is_empty()),
        (Ok(Some(token)), [line]) => (token, String::from_utf8_lossy(line)),
        (Ok(Some(_)), _) => panic!("one of several was taken"),
        (Err(error), _) => return assert_eq!(error.kind(), ErrorKind::Rejected),
    };
    let (token, line) = token;
    let (scheme, rest) = line.split_once(' ').expect("a space");
    assert_eq!(scheme.to_ascii_lowercase(), "bearer");
    assert_eq!(rest.trim_start_matches(' '), token);
    assert!((1..=512).contains(&token.len()));
    let bare = token.trim_end_matches('=');
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~+/".contains(c);
    assert!(!bare.is_empty() && bare.chars().all(plain), "{token:?}");
}

/// Encoded forms: what is taken reads as the URL standard's own reader reads it.
pub fn axum_form(data: &[u8]) {
    let Some(mut form) = form("application/x-www-form-urlencoded", data) else {
        return;
    };
    let mut count = 0;
    for (name, value) in form_urlencoded::parse(data) {
        assert!(form.has(&name), "a field is missing, or stands twice");
        let read = form.secret(&name);
        assert_eq!(String::from_utf8_lossy(read.expose()), value);
        count += 1;
    }
    assert!(count <= 64);
    assert_eq!(format!("{form:?}"), "SecretForm(0 fields)", "one more");
}

/// Multipart forms: whatever bytes are read as one; and fields that are written as one are read
/// back byte for byte.
pub fn axum_multipart(data: &[u8]) {
    const KIND: &str = "multipart/form-data; boundary=b";
    if let Some(mut form) = form(KIND, data) {
        let value = form.secret("key");
        let bytes = value.expose();
        assert!(bytes.is_empty() || data.windows(bytes.len()).any(|window| window == bytes));
    }
    // A writer takes a boundary that stands in no value at the start of a line.
    let (first, second) = data.split_at(data.len() / 2);
    let delimits = |value: &[u8]| {
        value.starts_with(b"--b") || value.windows(5).any(|window| window == b"\r\n--b")
    };
    if delimits(first) || delimits(second) {
        return;
    }
    let head =
        |name: &str| format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
    let body = [
        head("first").as_bytes(),
        first,
        b"\r\n",
        head("key").as_bytes(),
        second,
        b"\r\n--b--\r\n",
    ]
    .concat();
    let mut form = form(KIND, &body).expect("what was written is read");
    assert_eq!(form.secret("first").expose(), first);
    assert_eq!(form.secret("key").expose(), second);
}

/// A request from anywhere: lines of `h`ost, `o`rigin and `s`ite. What passes has one host of the
/// service, and no header that speaks of another page.
pub fn axum_origin(data: &[u8]) {
    let mut request = Request::new(Body::empty());
    *request.method_mut() = Method::POST;
    let (mut hosts, mut origins, mut sites) = (Vec::new(), Vec::new(), Vec::new());
    for line in data.split(|b| *b == b'\n') {
        let Some((first, value)) = line.split_first() else {
            continue;
        };
        let (name, all) = match first {
            b'h' => ("host", &mut hosts),
            b'o' => ("origin", &mut origins),
            b's' => ("sec-fetch-site", &mut sites),
            _ => continue,
        };
        if let Ok(value) = HeaderValue::from_bytes(value) {
            request.headers_mut().append(name, value.clone());
            all.push(value.as_bytes().to_ascii_lowercase());
        }
    }
    let listed = Origins::only(&["https://app.example.com", "https://[::1]:8443"]);
    let guard = WebGuard::new(listed.expect("two origins"));
    let inner =
        service_fn(|_: Request<Body>| ready(Ok::<_, Infallible>(Response::new(Body::empty()))));
    let Ok(answer) = now(RoutePolicy::pages(&guard).layer(inner).call(request));
    if answer.status() != StatusCode::OK {
        assert!(matches!(answer.status().as_u16(), 403 | 421));
        return;
    }
    assert_eq!(hosts.len(), 1);
    let named = hosts[0].starts_with(b"app.example.com");
    assert!(named || hosts[0].starts_with(b"["));
    assert!(origins.len() + sites.len() >= 1 && origins.len() <= 1 && sites.len() <= 1);
    for site in &sites {
        assert!(matches!(site.as_slice(), b"same-origin" | b"none"));
    }
    for origin in &origins {
        let own = if named {
            "https://app.example.com"
        } else {
            "https://["
        };
        let fits = origin.starts_with(own.as_bytes());
        assert!(fits || (origin == b"null" && !sites.is_empty()));
    }
}

/// Lines of `X-Forwarded-For` as a client writes them. Whatever they are, a proxy that adds whom it saw
/// is believed, on a line of its own and on the client's last; and of what is read, nothing is made up.
pub fn axum_x_forwarded_for(data: &[u8]) {
    let proxies = Proxies::x_forwarded_for(&["10.0.0.0/8"]).expect("a network");
    let added = forwarded(data, "x-forwarded-for", &proxies, "203.0.113.7");
    assert_eq!(added, (Basis::Header, Basis::Header));
}

/// The same of `Forwarded`, where a quote that the client left open spoils the line that a proxy adds
/// to: then it is the proxy, and never whom the client named.
pub fn axum_forwarded(data: &[u8]) {
    let proxies = Proxies::forwarded(&["10.0.0.0/8"]).expect("a network");
    let added = forwarded(
        data,
        "forwarded",
        &proxies,
        "for=\"[2001:db8::7]:1\";proto=https",
    );
    assert_eq!(added.0, Basis::Header);
    assert!(matches!(added.1, Basis::Header | Basis::Unreadable));
}

/// How the client is known when the proxy adds a line, and when it adds to the last.
fn forwarded(data: &[u8], name: &'static str, proxies: &Proxies, entry: &str) -> (Basis, Basis) {
    let peer = "10.0.0.1".parse().expect("an address");
    let mut headers = HeaderMap::new();
    let mut last = None;
    for line in data.split(|b| *b == b'\n') {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append(name, value);
            last = Some(line);
        }
    }
    let client = proxies.client(peer, &headers);
    assert_eq!(client.basis() == Basis::Missing, last.is_none());
    assert!(client.basis() == Basis::Header || client.address() == peer);
    let two = proxies.clone().hops(2).expect("two");
    let behind = two.client(peer, &headers);
    assert!(behind.basis() == Basis::Header || behind.address() == peer);
    let stranger = "192.0.2.1".parse().expect("an address");
    assert_eq!(proxies.client(stranger, &headers).address(), stranger);
    let judged = |headers: &HeaderMap| {
        let client = proxies.client(peer, headers);
        if client.basis() == Basis::Header {
            let known = ["203.0.113.7", "2001:db8::7"];
            assert!(known.contains(&client.address().to_string().as_str()));
        } else {
            assert_eq!(client.address(), peer);
        }
        client.basis()
    };
    let mut own = headers.clone();
    own.append(name, HeaderValue::from_str(entry).expect("an entry"));
    let mut joined = HeaderMap::new();
    let line = [last.unwrap_or_default(), b", ", entry.as_bytes()].concat();
    joined.append(name, HeaderValue::from_bytes(&line).expect("a line"));
    (judged(&own), judged(&joined))
}

/// A preflight: lines of `o`rigin, `m`ethod and `h`eaders that are asked for. What passes names one
/// origin, method and headers of the list, and is told of nothing else.
pub fn axum_preflight(data: &[u8]) {
    let mut request = Request::new(Body::empty());
    *request.method_mut() = Method::OPTIONS;
    let headers = request.headers_mut();
    headers.insert("host", HeaderValue::from_static("api.example.com"));
    for line in data.split(|b| *b == b'\n') {
        let Some((first, value)) = line.split_first() else {
            continue;
        };
        let name = match first {
            b'o' => "origin",
            b'm' => "access-control-request-method",
            b'h' => "access-control-request-headers",
            _ => continue,
        };
        if let Ok(value) = HeaderValue::from_bytes(value) {
            headers.append(name, value);
        }
    }
    let asked = headers.clone();
    let lines = |name: &str| -> Vec<_> { asked.get_all(name).iter().collect() };
    let guard = WebGuard::new(Origins::only(&["https://api.example.com"]).expect("an origin"));
    let cors = Cors::only(&["https://app.example.com"]).expect("an origin");
    let inner =
        service_fn(|_: Request<Body>| ready(Ok::<_, Infallible>(Response::new(Body::empty()))));
    let policy = RoutePolicy::machines_with_cors(&guard, cors);
    let Ok(answer) = now(policy.layer(inner).call(request));
    let allowed = answer.headers().get("access-control-allow-origin");
    assert_eq!(
        allowed.is_some(),
        lines("origin") == ["https://app.example.com"],
        "the one origin of the list, once"
    );
    if answer.status() == StatusCode::NO_CONTENT {
        assert!(allowed.is_some());
        let methods = lines("access-control-request-method");
        assert!(methods.len() == 1 && ["GET", "HEAD", "POST"].iter().any(|m| methods[0] == m));
        let names = lines("access-control-request-headers");
        assert!(names.len() <= 1);
        for line in names {
            let line = line.to_str().expect("names are ASCII");
            for name in line.split(',') {
                let name = name.trim().to_ascii_lowercase();
                assert!(["authorization", "content-type"].contains(&name.as_str()));
            }
        }
    } else {
        assert!(matches!(answer.status().as_u16(), 200 | 403));
        assert_eq!(answer.headers().get("access-control-allow-methods"), None);
    }
}
