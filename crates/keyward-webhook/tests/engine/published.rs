//! What the providers publish.

use keyward_base::SecretBytes;
use keyward_webhook::danger::add_weak;

use crate::kit::{Kit, Request};

fn check(preset: &str, secret: &str, now: u64, headers: &[(&str, &str)], body: &[u8]) {
    let kit = Kit::named(preset);
    let mut secrets = kit.hook.secrets();
    let secret = SecretBytes::copy_of(secret.as_bytes());
    add_weak(&mut secrets, "published", None, &secret).unwrap();
    let line = |(name, value): &(&str, &str)| ((*name).to_owned(), value.as_bytes().to_vec());
    let request = Request {
        headers: headers.iter().map(line).collect(),
        body: body.to_vec(),
        now,
    };
    assert_eq!(
        kit.verify(&secrets, &request),
        Ok("published".into()),
        "{preset}"
    );
    let mut other = request;
    other.body.push(b' ');
    assert_eq!(
        kit.verify(&secrets, &other),
        Err("not-authentic-for-this-context".into())
    );
}

/// docs.github.com, "Validating webhook deliveries".
#[test]
fn github() {
    let tag = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    let headers = [("x-hub-signature-256", tag)];
    check(
        "github",
        "It's a Secret to Everybody",
        0,
        &headers,
        b"Hello, World!",
    );
}

/// docs.slack.dev, "Verifying requests from Slack".
#[test]
fn slack() {
    let body = b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow\
        &channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner\
        &command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands\
        %2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN\
        &trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
    let headers = [
        ("x-slack-request-timestamp", "1531420618"),
        (
            "x-slack-signature",
            "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
        ),
    ];
    check(
        "slack",
        "8f742231b10e8888abcd99yyyzzz85a5",
        1_531_420_618,
        &headers,
        body,
    );
}

/// Atlassian, "Secure admin webhooks".
#[test]
fn jira() {
    let tag = "sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9";
    let headers = [("x-hub-signature", tag)];
    check(
        "jira",
        "It's a Secret to Everybody",
        0,
        &headers,
        b"Hello World!",
    );
}

/// The tests of razorpay-node.
#[test]
fn razorpay() {
    let tag = "2fe04e22977002e6c7cb553adab8b460cb9e2a4970d5953cb27a8472752e3bbc";
    let headers = [("x-razorpay-signature", tag)];
    check(
        "razorpay",
        "123456",
        0,
        &headers,
        br#"{"a":1,"b":2,"c":{"d":3}}"#,
    );
}

/// The tests of the libraries of Standard Webhooks, whose secret comes with and without `whsec_`.
#[test]
fn standard_webhooks() {
    let headers = [
        ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
        ("webhook-timestamp", "1614265330"),
        (
            "webhook-signature",
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        ),
    ];
    for secret in [
        "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    ] {
        let body = br#"{"test": 2432232314}"#;
        check("standard-webhooks", secret, 1_614_265_330, &headers, body);
    }
}

/// The tests of Svix's library; Resend sends by Svix.
#[test]
fn svix_and_resend() {
    let headers = [
        ("svix-id", "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk"),
        ("svix-timestamp", "1649367553"),
        (
            "svix-signature",
            "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
        ),
    ];
    for preset in ["svix", "resend"] {
        let body = br#"{"email":"test@example.com","username":"test_user"}"#;
        let secret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
        check(preset, secret, 1_649_367_553, &headers, body);
    }
}
