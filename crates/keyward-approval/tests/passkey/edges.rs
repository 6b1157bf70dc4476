//! Enrolments in software, what a page passes to the browser, and lengths at their ends.

use keyward_approval::passkey::authenticator_data::{AuthenticatorData, LEN};
use keyward_approval::passkey::client_data::{self, ClientData};
use keyward_approval::passkey::{
    Assertion, Enrolment, Given, Party, Passkey, PasskeyVote, assertion, vote,
};
use keyward_approval::reason::{ORIGIN, STATEMENT, UNKNOWN_PASSKEY};
use keyward_base::encoding::base64url;
use keyward_base::{ErrorKind, Reason, Subject, Tenant, Timestamp};
use keyward_crypto::Provider;
use serde_json::Value;

use crate::authenticator::{Authenticator, ORIGIN as HERE, RP_ID, Said, party};

const CHALLENGE: [u8; 32] = [0x5a; 32];

#[test]
fn a_key_closes_its_own_enrolment_and_no_other() {
    let (of, other) = (Authenticator::new("a"), Authenticator::new("b"));
    let (acme, globex) = (Tenant::new("acme").unwrap(), Tenant::new("globex").unwrap());
    let (ada, bob) = (Subject::new("ada").unwrap(), Subject::new("bob").unwrap());
    let begun = Enrolment {
        service: "deploydesk",
        tenant: &acme,
        approver: &ada,
        passkey: &of.passkey,
        nonce: [3; 32],
    };
    let challenge = begun.challenge(&party());
    let closed = begun.close(&party(), &of.votes(&challenge)).unwrap();
    assert_eq!((closed.tenant(), closed.approver()), (&acme, &ada));
    assert_eq!(closed.passkey(), &of.passkey);
    // The id of the one with the key of the other, and the other way round.
    let keyed = Passkey::new(of.passkey.id(), other.passkey.key().spki()).unwrap();
    let named = Passkey::new(other.passkey.id(), of.passkey.key().spki()).unwrap();
    let elsewhere = Party::new(&Provider::default(), "localhost", "http://localhost").unwrap();
    let others = [
        Enrolment {
            service: "staging",
            ..begun.clone()
        },
        Enrolment {
            tenant: &globex,
            ..begun.clone()
        },
        Enrolment {
            approver: &bob,
            ..begun.clone()
        },
        Enrolment {
            passkey: &keyed,
            ..begun.clone()
        },
        Enrolment {
            passkey: &named,
            ..begun.clone()
        },
        Enrolment {
            nonce: [4; 32],
            ..begun.clone()
        },
    ];
    let mut challenges: Vec<_> = others.iter().map(|one| one.challenge(&party())).collect();
    challenges.push(begun.challenge(&elsewhere));
    challenges.push(challenge);
    challenges.sort_unstable();
    challenges.dedup();
    assert_eq!(challenges.len(), others.len() + 2);
    for one in &others {
        let refused = one.close(&party(), &of.votes(&challenge)).unwrap_err();
        let known = [Some(STATEMENT), Some(UNKNOWN_PASSKEY)];
        assert!(known.contains(&refused.reason()), "{refused:?}");
    }
    // Another authenticator says that it is this one.
    let refused = begun.close(&party(), &other.votes(&challenge));
    assert_eq!(refused.unwrap_err().reason(), Some(UNKNOWN_PASSKEY));
    let hash = Provider::default().sha256(&[other.votes(&challenge).client_data()]);
    let made = Said::honestly(&challenge);
    let forged = other.sign(&[&made.data()[..], &hash].concat());
    let forged = Assertion::new(
        of.passkey.id(),
        made.client.to_string().as_bytes(),
        &made.data(),
        &forged,
    );
    let refused = begun.close(&party(), &forged.unwrap());
    assert_eq!(refused.unwrap_err().reason(), Some(Reason::NOT_AUTHENTIC));
    let refused = begun.close(&elsewhere, &of.votes(&begun.challenge(&elsewhere)));
    assert_eq!(refused.unwrap_err().reason(), Some(ORIGIN));
}

#[test]
fn the_browser_is_told_to_verify_and_which_keys_there_are() {
    let (one, two) = (Authenticator::new("a"), Authenticator::rs256("b"));
    let held = [one.passkey.clone(), two.passkey.clone()];
    let (acme, ada) = (Tenant::new("acme").unwrap(), Subject::new("ada").unwrap());
    let read = |text: String| serde_json::from_str::<Value>(&text).unwrap();
    let ids = [&one, &two].map(|of| base64url(of.passkey.id()));
    let named = |list: &Value| -> Vec<String> {
        let list = list.as_array().unwrap().iter();
        list.map(|one| {
            assert_eq!(one["type"], "public-key");
            one["id"].as_str().unwrap().to_owned()
        })
        .collect()
    };
    let made = read(party().creation(&acme, &ada, "Ada", &held));
    assert_eq!(named(&made["excludeCredentials"]), ids);
    assert_eq!(
        made["authenticatorSelection"]["userVerification"],
        "required"
    );
    assert_eq!(
        (&made["rp"]["id"], &made["attestation"]),
        (&RP_ID.into(), &"none".into())
    );
    let algorithms: Vec<_> = made["pubKeyCredParams"]
        .as_array()
        .unwrap()
        .iter()
        .collect();
    assert_eq!(
        (&algorithms[0]["alg"], &algorithms[1]["alg"]),
        (&(-7).into(), &(-257).into())
    );
    // What it calls its user says nothing of him, and is another one's in another tenant.
    let user = |tenant: &str, subject: &str| {
        let (tenant, subject) = (Tenant::new(tenant).unwrap(), Subject::new(subject).unwrap());
        read(party().creation(&tenant, &subject, "", &[]))["user"]["id"].clone()
    };
    assert_eq!(made["user"]["id"], user("acme", "ada"));
    assert_ne!(user("acme", "ada"), user("globex", "ada"));
    assert_ne!(user("acme", "ada"), user("acme", "bob"));
    let asked = read(party().request(&CHALLENGE, &held));
    assert_eq!(named(&asked["allowCredentials"]), ids);
    assert_eq!(asked["userVerification"], "required");
    assert_eq!(asked["challenge"], base64url(&CHALLENGE));
    assert_eq!(asked["rpId"], RP_ID);
}

#[test]
fn what_is_said_of_the_authenticator_is_what_it_said() {
    let of = Authenticator::new("a");
    let checked = |flags, counter| {
        let said = Said {
            flags,
            counter,
            ..Said::honestly(&CHALLENGE)
        };
        party()
            .check(&of.asserts(&said), &of.passkey, &CHALLENGE)
            .unwrap()
    };
    assert!(!checked(0x05, 0).is_synced() && checked(0x0d, 0).is_synced());
    assert!(checked(0x1d, 0).is_synced());
    assert_eq!(checked(0x05, 7).counter(), 7);
}

#[test]
fn each_part_has_just_its_length() {
    let said = Said::honestly(&CHALLENGE);
    let data = said.data();
    assert_eq!(data.len(), LEN);
    assert!(AuthenticatorData::parse(&data).is_ok());
    for other in [&data[..36], &[&data[..], &[0]].concat()] {
        let refused = AuthenticatorData::parse(other).unwrap_err();
        assert_eq!(refused.reason(), Some(Reason::MALFORMED));
    }
    let client = |len: usize| {
        let bare = said.client.to_string();
        let room = len - bare.len() - r#","a":"""#.len();
        let more = format!(r#","a":"{}"}}"#, "a".repeat(room));
        let text = bare.replacen('}', &more, 1);
        assert_eq!(text.len(), len);
        text
    };
    assert!(ClientData::parse(client(client_data::MAX_LEN).as_bytes()).is_ok());
    let refused = ClientData::parse(client(client_data::MAX_LEN + 1).as_bytes()).unwrap_err();
    assert_eq!(refused.reason(), Some(Reason::TOO_LONG));
    // A vote and a leave that are as long as can be do not fit together.
    let long = |id: usize, signature: usize| {
        let client = client(client_data::MAX_LEN);
        let made = Assertion::new(&vec![1; id], client.as_bytes(), &data, &vec![1; signature]);
        made.unwrap()
    };
    let longest = long(*assertion::ID_LEN.end(), assertion::MAX_SIGNATURE_LEN);
    assert_eq!(longest.to_bytes().len(), assertion::MAX_LEN);
    let together = |assertion: Assertion| {
        let given = Given {
            until: Timestamp::from_millis(1),
            nonce: [1; 32],
            assertion: long(1_000, 1),
        };
        PasskeyVote {
            nonce: [2; 32],
            assertion,
            given: Some(given),
        }
    };
    assert_eq!(
        together(longest).to_bytes().unwrap_err().kind(),
        ErrorKind::Misuse
    );
    let small = together(Authenticator::new("a").votes(&CHALLENGE));
    let kept = small.to_bytes().unwrap();
    assert_eq!(PasskeyVote::from_bytes(&kept).unwrap(), small);
    let room = vote::MAX_LEN - kept.len();
    let mut padded = small.clone();
    let of = &small.assertion;
    let with = |more: usize| {
        let signature = [of.signature(), &vec![0; more]].concat();
        let id = [of.credential(), &vec![0; room.saturating_sub(300)]].concat();
        Assertion::new(&id, of.client_data(), of.authenticator_data(), &signature).unwrap()
    };
    padded.assertion = with(300);
    let kept = padded.to_bytes().unwrap();
    assert_eq!(kept.len(), vote::MAX_LEN);
    assert_eq!(PasskeyVote::from_bytes(&kept).unwrap(), padded);
    padded.assertion = with(301);
    assert_eq!(padded.to_bytes().unwrap_err().kind(), ErrorKind::Misuse);
    // What is longer, and else what was written.
    let longer = with(301).to_bytes();
    let at = kept.len() - with(300).to_bytes().len();
    let refused = PasskeyVote::from_bytes(&[&kept[..at], &longer].concat()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Corrupt);
}

#[test]
fn a_host_is_a_name_as_dns_has_it() {
    let party = |host: &str| Party::new(&Provider::default(), host, &format!("https://{host}"));
    let label = "a".repeat(63);
    let long = [label.as_str(); 3].join(".");
    for host in [
        format!("{label}.example"),
        format!("{long}.{}", "b".repeat(61)),
        "a-b.example".to_owned(),
        "1.example".to_owned(),
    ] {
        assert!(party(&host).is_ok(), "{host}");
    }
    for host in [
        format!("{label}a.example"),
        format!("{long}.{}", "b".repeat(62)),
        "a-.example".to_owned(),
        "a.example-".to_owned(),
        "a_b.example".to_owned(),
        "example.1".to_owned(),
        "bücher.example".to_owned(),
    ] {
        assert_eq!(
            party(&host).unwrap_err().kind(),
            ErrorKind::Misuse,
            "{host}"
        );
    }
    assert_eq!(party("approve.example.com").unwrap().origin(), HERE);
}
