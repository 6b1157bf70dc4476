//! The providers' schemes, one constant each, as their own pages say.
//!
//! The route names the provider: the same header means another scheme elsewhere
//! (`X-Hub-Signature-256` is GitHub's and Meta's, `webhook-signature` is everybody's).

use std::borrow::Cow;
use std::time::Duration;

use keyward_base::{Error, Result};
use keyward_crypto::hmac::HmacHash;

use crate::coverage::{BearerToken, Covered, WholeBody};
use crate::scheme::{
    Dedupe, Encoding, Headers, HmacProof, KeyForm, List, Piece, Proof, Scheme, Text, Time, Unit,
    Window,
};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);
const MIB: usize = 1 << 20;

const fn text(text: &'static str) -> Text {
    Cow::Borrowed(text)
}

const fn some(name: &'static str) -> Option<Text> {
    Some(Cow::Borrowed(name))
}

/// Five minutes back, as the providers' own libraries have it, and one ahead: what is signed in
/// the future by more than clocks differ was not signed by the provider.
const FIVE_MINUTES: Time = Time {
    unit: Unit::Seconds,
    window: Window {
        past: Duration::from_secs(5 * 60),
        future: MINUTE,
    },
};

const fn over_body(prefix: &'static str) -> Proof {
    Proof::Hmac(HmacProof {
        hash: HmacHash::Sha256,
        encoding: Encoding::Hex,
        list: List::One {
            prefix: text(prefix),
        },
        message: Cow::Borrowed(&[Piece::Body]),
        time: None,
    })
}

/// `{id}.{time}.{body}`, as Standard Webhooks say.
const STANDARD: Proof = Proof::Hmac(HmacProof {
    hash: HmacHash::Sha256,
    encoding: Encoding::Base64,
    list: List::Versions {
        version: text("v1"),
    },
    message: Cow::Borrowed(&[
        Piece::Id,
        Piece::Text(text(".")),
        Piece::Time,
        Piece::Text(text(".")),
        Piece::Body,
    ]),
    time: Some(FIVE_MINUTES),
});

const WEBHOOK_HEADERS: Headers = Headers {
    signature: text("webhook-signature"),
    time: some("webhook-timestamp"),
    id: some("webhook-id"),
    event: None,
};

const SVIX_HEADERS: Headers = Headers {
    signature: text("svix-signature"),
    time: some("svix-timestamp"),
    id: some("svix-id"),
    event: None,
};

const WHSEC: KeyForm = KeyForm::Base64 {
    prefix: some("whsec_"),
    optional: false,
    bytes: None,
};

/// GitHub: repositories, organisations and apps. `X-Hub-Signature` (SHA-1) is not looked at.
/// Event and delivery id are not signed. Bodies have at most 25 MiB; a delivery comes again only
/// when somebody asks for it.
pub const GITHUB: Scheme = Scheme {
    name: text("github"),
    headers: Cow::Borrowed(&[Headers {
        signature: text("x-hub-signature-256"),
        time: None,
        id: some("x-github-delivery"),
        event: some("x-github-event"),
    }]),
    proof: over_body("sha256="),
    key: KeyForm::Text { prefix: None },
    dedupe: Dedupe::Body,
    retries: Duration::from_secs(3 * 86_400),
    body_may_change: false,
    body_limit: 25 * MIB,
    coverage: WholeBody,
    source: text(
        "https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries",
    ),
    checked: text("2026-11-26"),
    open: text("for how long a delivery can be sent again by hand: three days are taken"),
};

/// Stripe: `{time}.{body}`, one `v1` for each secret during a roll; other versions are passed
/// over. The secret is the key as it is shown, `whsec_` included. Retries go on for three days;
/// in between, fields of the body such as `pending_webhooks` may change.
pub const STRIPE: Scheme = Scheme {
    name: text("stripe"),
    headers: Cow::Borrowed(&[Headers {
        signature: text("stripe-signature"),
        time: None,
        id: None,
        event: None,
    }]),
    proof: Proof::Hmac(HmacProof {
        hash: HmacHash::Sha256,
        encoding: Encoding::Hex,
        list: List::Pairs {
            time: some("t"),
            tag: text("v1"),
        },
        message: Cow::Borrowed(&[Piece::Time, Piece::Text(text(".")), Piece::Body]),
        time: Some(FIVE_MINUTES),
    }),
    key: KeyForm::Text {
        prefix: some("whsec_"),
    },
    dedupe: Dedupe::Field(text("id")),
    retries: Duration::from_secs(3 * 86_400),
    body_may_change: true,
    body_limit: MIB,
    coverage: WholeBody,
    source: text("https://github.com/stripe/stripe-go/blob/master/webhook/client.go"),
    checked: text("2026-11-26"),
    open: text(
        "the largest body: 1 MiB is taken; an event can be sent again by hand after the three days",
    ),
};

/// Slack: `v0:{time}:{body}`. Three retries, the last some minutes after the first attempt. Slash
/// commands and interactions are forms: without an `event_id`, they are told apart by their bytes.
pub const SLACK: Scheme = Scheme {
    name: text("slack"),
    headers: Cow::Borrowed(&[Headers {
        signature: text("x-slack-signature"),
        time: some("x-slack-request-timestamp"),
        id: None,
        event: None,
    }]),
    proof: Proof::Hmac(HmacProof {
        hash: HmacHash::Sha256,
        encoding: Encoding::Hex,
        list: List::One {
            prefix: text("v0="),
        },
        message: Cow::Borrowed(&[
            Piece::Text(text("v0:")),
            Piece::Time,
            Piece::Text(text(":")),
            Piece::Body,
        ]),
        time: Some(FIVE_MINUTES),
    }),
    key: KeyForm::Text { prefix: None },
    dedupe: Dedupe::Field(text("event_id")),
    retries: HOUR,
    body_may_change: false,
    body_limit: MIB,
    coverage: WholeBody,
    source: text(
        "https://github.com/slackapi/python-slack-sdk/blob/main/slack_sdk/signature/__init__.py",
    ),
    checked: text("2026-11-26"),
    open: text(
        "the largest body: 1 MiB is taken; when the last of three retries comes: an hour is taken",
    ),
};

/// Standard Webhooks, symmetric (`v1`). Its page shows retries over about 76 hours.
pub const STANDARD_WEBHOOKS: Scheme = Scheme {
    name: text("standard-webhooks"),
    headers: Cow::Borrowed(&[WEBHOOK_HEADERS]),
    proof: STANDARD,
    key: KeyForm::Base64 {
        prefix: some("whsec_"),
        optional: true,
        bytes: None,
    },
    dedupe: Dedupe::Header,
    retries: Duration::from_secs(4 * 86_400),
    body_may_change: false,
    body_limit: MIB,
    coverage: WholeBody,
    source: text(
        "https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md",
    ),
    checked: text("2026-11-26"),
    open: text("window, largest body and retries are each sender's to say"),
};

/// Svix. The headers of Standard Webhooks are taken only where no `svix-` header came. Retries go
/// on for 27 hours and 35 minutes.
pub const SVIX: Scheme = Scheme {
    name: text("svix"),
    headers: Cow::Borrowed(&[SVIX_HEADERS, WEBHOOK_HEADERS]),
    proof: STANDARD,
    key: WHSEC,
    dedupe: Dedupe::Header,
    retries: Duration::from_secs(4 * 86_400),
    body_may_change: false,
    body_limit: MIB,
    coverage: WholeBody,
    source: text("https://docs.svix.com/retries"),
    checked: text("2026-11-26"),
    open: text("the largest body: 1 MiB is taken; a message can be sent again by hand at any time"),
};

/// Resend, which sends by Svix, under `svix-` headers alone. Retries as there.
pub const RESEND: Scheme = Scheme {
    name: text("resend"),
    headers: Cow::Borrowed(&[SVIX_HEADERS]),
    proof: STANDARD,
    key: WHSEC,
    dedupe: Dedupe::Header,
    retries: Duration::from_secs(4 * 86_400),
    body_may_change: false,
    body_limit: MIB,
    coverage: WholeBody,
    source: text("https://resend.com/docs/webhooks/retries-and-replays"),
    checked: text("2026-11-26"),
    open: text("the largest body: 1 MiB is taken; a message can be sent again by hand at any time"),
};

/// Razorpay. Retries go on for 24 hours; after a change of the secret they still come under the
/// old one: keep it that long. Events up to 7 days old can be sent again by hand.
pub const RAZORPAY: Scheme = Scheme {
    name: text("razorpay"),
    headers: Cow::Borrowed(&[Headers {
        signature: text("x-razorpay-signature"),
        time: None,
        id: some("x-razorpay-event-id"),
        event: None,
    }]),
    proof: over_body(""),
    key: KeyForm::Text { prefix: None },
    dedupe: Dedupe::Body,
    retries: Duration::from_secs(7 * 86_400),
    body_may_change: false,
    body_limit: MIB,
    coverage: WholeBody,
    source: text("https://razorpay.com/docs/webhooks/best-practices"),
    checked: text("2026-11-26"),
    open: text("the largest body: 1 MiB is taken"),
};

/// Jira: webhooks that an administrator registered, with a secret. Those of Connect and OAuth
/// apps carry a token that is not known to cover the body: register admin webhooks.
pub const JIRA: Scheme = Scheme {
    name: text("jira"),
    headers: Cow::Borrowed(&[Headers {
        signature: text("x-hub-signature"),
        time: None,
        id: some("x-atlassian-webhook-identifier"),
        event: None,
    }]),
    proof: over_body("sha256="),
    key: KeyForm::Text { prefix: None },
    dedupe: Dedupe::Body,
    retries: DAY,
    body_may_change: false,
    body_limit: 25 * MIB,
    coverage: WholeBody,
    source: text("https://developer.atlassian.com/cloud/jira/platform/webhooks/"),
    checked: text(""),
    open: text(
        "the page was not compared; the largest body: 25 MiB is taken; when the last retry comes: a day is taken",
    ),
};

/// GitLab with a signing token (19.0 and later): the headers and message of Standard Webhooks, and
/// a key in base64 after `whsec_`. The token that GitLab may send beside it is not looked at: a
/// request without a signature is refused, though GitLab's page proposes to fall back.
pub const GITLAB_SIGNED: Scheme = Scheme {
    name: text("gitlab-signed"),
    headers: Cow::Borrowed(&[Headers {
        signature: text("webhook-signature"),
        time: some("webhook-timestamp"),
        id: some("webhook-id"),
        event: some("x-gitlab-event"),
    }]),
    proof: STANDARD,
    key: WHSEC,
    dedupe: Dedupe::Header,
    retries: Duration::from_secs(2 * 86_400),
    body_may_change: false,
    body_limit: 25 * MIB,
    coverage: WholeBody,
    source: text("https://docs.gitlab.com/user/project/integrations/webhooks/"),
    checked: text("2026-11-26"),
    open: text(
        "the length of the key: 16 bytes and more are taken; the window: that of Standard Webhooks' \
         libraries is taken; for how long a request can be sent again: the two days are taken for \
         which it is listed",
    ),
};

/// GitLab with a secret token: the sender shows it, and signs nothing.
pub const GITLAB_TOKEN: Scheme<BearerToken> = Scheme {
    name: text("gitlab-token"),
    headers: Cow::Borrowed(&[Headers {
        signature: text("x-gitlab-token"),
        time: None,
        id: some("idempotency-key"),
        event: some("x-gitlab-event"),
    }]),
    proof: Proof::Token,
    key: KeyForm::Text { prefix: None },
    dedupe: Dedupe::Header,
    retries: Duration::from_secs(2 * 86_400),
    body_may_change: false,
    body_limit: 25 * MIB,
    coverage: BearerToken,
    source: text("https://docs.gitlab.com/user/project/integrations/webhooks/"),
    checked: text("2026-11-26"),
    open: text(
        "for how long a request can be sent again: the two days are taken for which it is listed",
    ),
};

/// Meta (WhatsApp, Messenger, Instagram), under the app's secret. Retries for up to seven days.
pub const META: Scheme = Scheme {
    name: text("meta"),
    headers: Cow::Borrowed(&[Headers {
        signature: text("x-hub-signature-256"),
        time: None,
        id: None,
        event: None,
    }]),
    proof: over_body("sha256="),
    key: KeyForm::Text { prefix: None },
    dedupe: Dedupe::Body,
    retries: Duration::from_secs(7 * 86_400),
    body_may_change: true,
    body_limit: 3 * MIB,
    coverage: WholeBody,
    source: text("https://developers.facebook.com/docs/graph-api/webhooks/getting-started"),
    checked: text(""),
    open: text("the page was not compared; retries of batches may be cut in another way"),
};

/// Every preset, by name.
#[must_use]
pub fn all() -> [Scheme<Covered>; 11] {
    [
        GITHUB.covered(),
        GITLAB_SIGNED.covered(),
        GITLAB_TOKEN.covered(),
        JIRA.covered(),
        META.covered(),
        RAZORPAY.covered(),
        RESEND.covered(),
        SLACK.covered(),
        STANDARD_WEBHOOKS.covered(),
        STRIPE.covered(),
        SVIX.covered(),
    ]
}

/// The preset of that name.
///
/// # Errors
/// `Misuse` where there is none.
pub fn named(name: &str) -> Result<Scheme<Covered>> {
    let found = all().into_iter().find(|preset| preset.name == name);
    found.ok_or_else(|| {
        Error::misuse("there is no webhook preset of that name: see `keyward webhook providers`")
    })
}
