//! From end to end in Chromium, with its virtual authenticator.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use keyward_approval::gate::GateId;
use keyward_approval::passkey::{
    Assertion, Decision, Enrolment, Party, Passkey, PasskeyVote, Scope, Statement,
};
use keyward_approval::trust::{Basis, CastVote, Facts};
use keyward_approval::{
    ActionBuilder, Catalogue, ExecutorName, Requester, RuleName, ServiceName, Shape, Trust, reason,
};
use keyward_base::encoding::base64url;
use keyward_base::{Reason, Result, Subject, Tenant, Timestamp};
use keyward_crypto::Provider;
use keyward_crypto::foreign::Algorithm;
use keyward_testkit::Browser;
use serde_json::{Value, json};

/// A server of one page, whose scripts the tests run. The page in a frame does what its parent asks.
fn serve() -> u16 {
    const PAGE: &str = "<!doctype html><title>approve</title><body>page<script>
        addEventListener('message', async ({ data, source }) => {
            if (data.from !== 'parent') return;
            const said = await get(data.request).catch((e) => 'failed: ' + e);
            source.postMessage({ from: 'frame', said }, '*');
        });
        async function get(request, change) {
            const options = PublicKeyCredential.parseRequestOptionsFromJSON(JSON.parse(request));
            Object.assign(options, change);
            return JSON.stringify(await navigator.credentials.get({ publicKey: options }));
        }
        async function create(creation) {
            const options = PublicKeyCredential.parseCreationOptionsFromJSON(JSON.parse(creation));
            const made = await navigator.credentials.create({ publicKey: options });
            const hex = (b) => [...new Uint8Array(b)].map((x) => x.toString(16).padStart(2, '0')).join('');
            return [hex(made.rawId), hex(made.response.getPublicKey())];
        }</script>";
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let _ = stream.read(&mut [0; 4_096]);
            let len = PAGE.len();
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\n";
            let _ = write!(stream, "{head}content-length: {len}\r\n\r\n{PAGE}");
        }
    });
    port
}

fn bytes(hex: &Value) -> Vec<u8> {
    let hex = hex.as_str().unwrap();
    let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(byte).collect()
}

/// A browser at an approval page, with an authenticator.
struct Page {
    browser: Browser,
    authenticator: Value,
    party: Party,
    port: u16,
}

impl Page {
    fn open(options: &Value) -> Option<Self> {
        let mut browser = Browser::start()?;
        let port = serve();
        let origin = format!("http://localhost:{port}");
        let party = Party::new(&Provider::default(), "localhost", &origin).unwrap();
        assert_eq!(browser.go(&format!("{origin}/")), 200);
        browser.call("WebAuthn.enable", &json!({}));
        let mut all = json!({
            "protocol": "ctap2", "ctap2Version": "ctap2_1", "transport": "internal",
            "hasUserVerification": true, "isUserVerified": true,
        });
        for (name, value) in options.as_object().unwrap() {
            all[name] = value.clone();
        }
        let made = browser.call(
            "WebAuthn.addVirtualAuthenticator",
            &json!({ "options": all }),
        );
        Some(Self {
            browser,
            authenticator: made["authenticatorId"].clone(),
            party,
            port,
        })
    }

    fn set(&mut self, method: &str, mut parameters: Value) {
        parameters["authenticatorId"] = self.authenticator.clone();
        self.browser
            .call(&format!("WebAuthn.{method}"), &parameters);
    }

    fn create(&mut self, creation: &str) -> Passkey {
        let made = self.browser.run(&format!("create({})", json!(creation)));
        Passkey::new(&bytes(&made[0]), &bytes(&made[1])).unwrap()
    }

    fn get(&mut self, request: &str, change: &str) -> Assertion {
        let given = self
            .browser
            .run(&format!("get({}, {change})", json!(request)));
        Assertion::from_json(given.as_str().unwrap().as_bytes()).unwrap()
    }

    /// A key of its owner, taken up as the documentation says.
    fn enrol(&mut self) -> Passkey {
        let (acme, ada) = (Tenant::new("acme").unwrap(), Subject::new("ada").unwrap());
        let creation = self.party.creation(&acme, &ada, "Ada", &[]);
        let passkey = self.create(&creation);
        let enrolment = Enrolment {
            service: "deploydesk",
            tenant: &acme,
            approver: &ada,
            passkey: &passkey,
            nonce: [5; 32],
        };
        let challenge = enrolment.challenge(&self.party);
        let request = self
            .party
            .request(&challenge, std::slice::from_ref(&passkey));
        let assertion = self.get(&request, "{}");
        let enrolled = enrolment.close(&self.party, &assertion).unwrap();
        assert_eq!(*enrolled.passkey(), passkey);
        // It closes this enrolment and no other.
        let (party, eve) = (&self.party, Subject::new("eve").unwrap());
        for other in [
            Enrolment {
                nonce: [6; 32],
                ..enrolment.clone()
            },
            Enrolment {
                approver: &eve,
                ..enrolment.clone()
            },
            Enrolment {
                service: "other",
                ..enrolment.clone()
            },
        ] {
            let refused = other.close(party, &assertion).unwrap_err();
            assert_eq!(refused.reason(), Some(reason::STATEMENT));
        }
        passkey
    }

    fn check(&self, assertion: &Assertion, passkey: &Passkey) -> Result<u32> {
        let checked = self.party.check(assertion, passkey, &challenge([9; 32]))?;
        Ok(checked.counter())
    }
}

fn challenge(nonce: [u8; 32]) -> [u8; 32] {
    let requester = Requester::agent(Subject::new("agent-7").unwrap());
    let statement = Statement {
        service: "deploydesk",
        gate: GateId::from_bytes([3; 16]),
        action: b"the bytes of an action",
        rule: "two-admins",
        quorum: 2,
        decision: Decision::Approve,
        scope: Scope::Once,
        requester: &requester,
        approver: &Subject::new("ada").unwrap(),
        held: None,
        nonce,
    };
    statement.challenge(&Provider::default()).unwrap()
}

fn reason(refused: Result<u32>) -> Option<Reason> {
    refused.unwrap_err().reason()
}

#[test]
fn a_key_is_enrolled_and_votes() {
    let Some(mut page) = Page::open(&json!({})) else {
        return;
    };
    let passkey = page.enrol();
    assert_eq!(passkey.key().algorithm(), Algorithm::Es256);
    let request = page
        .party
        .request(&challenge([9; 32]), std::slice::from_ref(&passkey));
    let (first, second) = (page.get(&request, "{}"), page.get(&request, "{}"));
    let before = page.check(&first, &passkey).unwrap();
    let after = page
        .party
        .check(&second, &passkey, &challenge([9; 32]))
        .unwrap();
    assert!(!after.is_synced());
    assert!(!after.is_anomaly(before) && after.is_anomaly(after.counter()));
    // What was signed is one vote.
    let other = page.party.check(&first, &passkey, &challenge([8; 32]));
    assert_eq!(other.unwrap_err().reason(), Some(reason::STATEMENT));
    // It is kept as it is.
    let kept = Assertion::from_bytes(&first.to_bytes()).unwrap();
    assert_eq!(page.check(&kept, &passkey).unwrap(), before);
}

/// Copies of it lie on other devices, and it does not count.
#[test]
fn a_synced_key_votes() {
    let synced = json!({
        "hasResidentKey": true, "defaultBackupEligibility": true, "defaultBackupState": true,
    });
    let Some(mut page) = Page::open(&synced) else {
        return;
    };
    let passkey = page.enrol();
    let request = page
        .party
        .request(&challenge([9; 32]), std::slice::from_ref(&passkey));
    let assertion = page.get(&request, "{}");
    let checked = page
        .party
        .check(&assertion, &passkey, &challenge([9; 32]))
        .unwrap();
    assert!(checked.is_synced());
}

/// Whoever holds the authenticator without its PIN, and a page that does not ask for it.
#[test]
fn a_touch_alone_is_no_vote() {
    let Some(mut page) = Page::open(&json!({})) else {
        return;
    };
    let passkey = page.enrol();
    let request = page
        .party
        .request(&challenge([9; 32]), std::slice::from_ref(&passkey));
    page.set("setUserVerified", json!({ "isUserVerified": false }));
    let call = format!("get({}).catch((e) => e.name)", json!(request));
    assert_eq!(page.browser.run(&call), json!("NotAllowedError"));
    let touched = page.get(&request, "{ userVerification: 'discouraged' }");
    assert_eq!(
        reason(page.check(&touched, &passkey)),
        Some(reason::NOT_VERIFIED)
    );
    // One that has no way to verify its owner.
    page.set("removeVirtualAuthenticator", json!({}));
    let options = json!({ "protocol": "ctap2", "transport": "usb" });
    let made = page.browser.call(
        "WebAuthn.addVirtualAuthenticator",
        &json!({ "options": options }),
    );
    page.authenticator = made["authenticatorId"].clone();
    let (acme, ada) = (Tenant::new("acme").unwrap(), Subject::new("ada").unwrap());
    let creation = page.party.creation(&acme, &ada, "Ada", &[]);
    let creation = creation.replace(
        r#""userVerification":"required""#,
        r#""userVerification":"discouraged""#,
    );
    let passkey = page.create(&creation);
    let request = page
        .party
        .request(&challenge([9; 32]), std::slice::from_ref(&passkey));
    let touched = page.get(&request, "{ userVerification: 'discouraged' }");
    assert_eq!(
        reason(page.check(&touched, &passkey)),
        Some(reason::NOT_VERIFIED)
    );
}

/// What the authenticator does not do, though the browser asked.
#[test]
fn an_authenticator_that_lies_is_refused() {
    let Some(mut page) = Page::open(&json!({})) else {
        return;
    };
    let passkey = page.enrol();
    let request = page
        .party
        .request(&challenge([9; 32]), std::slice::from_ref(&passkey));
    for (bit, expected) in [
        ("isBadUV", reason::NOT_VERIFIED),
        ("isBadUP", reason::NOT_PRESENT),
        ("isBogusSignature", Reason::NOT_AUTHENTIC),
    ] {
        page.set("setResponseOverrideBits", json!({ bit: true }));
        let assertion = page.get(&request, "{}");
        assert_eq!(
            reason(page.check(&assertion, &passkey)),
            Some(expected),
            "{bit}"
        );
    }
    page.set("setResponseOverrideBits", json!({}));
    let assertion = page.get(&request, "{}");
    assert!(page.check(&assertion, &passkey).is_ok());
}

/// Another origin may use the RP ID of its host; a frame may use its own.
#[test]
fn a_page_elsewhere_makes_no_vote() {
    let Some(mut page) = Page::open(&json!({})) else {
        return;
    };
    let passkey = page.enrol();
    let request = page
        .party
        .request(&challenge([9; 32]), std::slice::from_ref(&passkey));
    let other = serve();
    page.browser.go(&format!("http://localhost:{other}/"));
    let assertion = page.get(&request, "{}");
    assert_eq!(
        reason(page.check(&assertion, &passkey)),
        Some(reason::ORIGIN)
    );
    let framed = page.browser.run(&format!(
        "new Promise((done) => {{
             const frame = document.createElement('iframe');
             frame.allow = 'publickey-credentials-get *';
             frame.src = 'http://localhost:{}/';
             frame.onload = () => frame.contentWindow.postMessage({{ from: 'parent', request: {} }}, '*');
             addEventListener('message', ({{ data }}) => data.from === 'frame' && done(data.said));
             document.body.append(frame);
         }})",
        page.port,
        json!(request)
    ));
    let framed = Assertion::from_json(framed.as_str().unwrap().as_bytes()).unwrap();
    assert!(String::from_utf8_lossy(framed.client_data()).contains(r#""crossOrigin":true"#));
    assert_eq!(
        reason(page.check(&framed, &passkey)),
        Some(reason::CEREMONY)
    );
}

/// Enrolled, named by the file of trust, asked, signed in the browser: it may run, and nothing else.
#[test]
fn a_vote_in_the_browser_lets_an_action_run() {
    let Some(mut page) = Page::open(&json!({})) else {
        return;
    };
    let passkey = page.enrol();
    let (id, key) = (base64url(passkey.id()), base64url(passkey.key().spki()));
    let policy = "keyward-policy = 1\nversion = 1\notherwise = \"one-key\"\n[rule.one-key]\n\
                  strictness = 1\napprovers = [\"ada\"]\nquorum = 1\npasskey = true\n";
    let text = format!(
        "keyward-trust = 1\nversion = 1\nservice = \"deploydesk\"\nrp-id = \"localhost\"\n\
         origin = \"{}\"\npolicy = \"\"\"\n{policy}\"\"\"\n[[approver]]\ntenant = \"acme\"\n\
         subject = \"ada\"\n[[approver.passkey]]\nid = \"{id}\"\npublic-key = \"{key}\"\n",
        page.party.origin()
    );
    let provider = Provider::default();
    let trust = Trust::parse(&provider, &text).unwrap();
    let now = Timestamp::from_millis(1_800_000_000_000);
    let known = Catalogue::new()
        .with(Shape::new("server.delete").unwrap())
        .unwrap();
    let ask = |target: &str| {
        let builder = ActionBuilder::new(
            Tenant::new("acme").unwrap(),
            ServiceName::new("deploydesk").unwrap(),
            ExecutorName::new("worker").unwrap(),
            Requester::agent(Subject::new("agent-7").unwrap()),
        );
        let step = known.step("server.delete", target).unwrap();
        let built = builder.step(step).build(trust.policy(), now, &provider);
        built.unwrap().action
    };
    let (action, other, name) = (ask("db-1"), ask("db-2"), RuleName::new("one-key").unwrap());
    let facts = |action| Facts {
        gate: GateId::from_bytes([3; 16]),
        action,
        rule: Some(&name),
        scope: Scope::Once,
    };
    let (ada, rule) = (
        Subject::new("ada").unwrap(),
        trust.policy().rule("one-key").unwrap(),
    );
    let asked = facts(&action);
    let statement = trust.statement(&asked, rule, Decision::Approve, &ada, None, [4; 32]);
    let challenge = statement.challenge(&provider).unwrap();
    let tenant = Tenant::new("acme").unwrap();
    let request = trust
        .party()
        .request(&challenge, trust.passkeys(&tenant, &ada));
    let proof = PasskeyVote {
        nonce: [4; 32],
        assertion: page.get(&request, "{}"),
        given: None,
    };
    let proof = proof.to_bytes().unwrap();
    let vote = CastVote {
        approver: &ada,
        lent_by: None,
        approves: true,
        proof: &proof,
    };
    let ran = trust.recheck(&facts(&action), &[vote], now).unwrap();
    assert_eq!(
        (ran.digest(), ran.basis()),
        (action.digest(), Basis::Passkeys)
    );
    let refused = trust.recheck(&facts(&other), &[vote], now).unwrap_err();
    assert_eq!(refused.reason(), Some(reason::STATEMENT));
    let denied = CastVote {
        approves: false,
        ..vote
    };
    assert!(trust.recheck(&facts(&action), &[denied], now).is_err());
}

/// As Windows Hello makes them.
#[test]
fn a_key_of_rs256_votes() {
    let Some(mut page) = Page::open(&json!({})) else {
        return;
    };
    let (acme, ada) = (Tenant::new("acme").unwrap(), Subject::new("ada").unwrap());
    let creation = page.party.creation(&acme, &ada, "Ada", &[]);
    let only = creation.replace(r#"{"alg":-7,"type":"public-key"},"#, "");
    assert_ne!(only, creation);
    let passkey = page.create(&only);
    assert_eq!(passkey.key().algorithm(), Algorithm::Rs256);
    let request = page
        .party
        .request(&challenge([9; 32]), std::slice::from_ref(&passkey));
    let assertion = page.get(&request, "{}");
    assert!(page.check(&assertion, &passkey).is_ok());
}
