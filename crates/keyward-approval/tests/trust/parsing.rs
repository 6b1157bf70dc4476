//! What is a file of trust, and what is not.

use keyward_approval::Trust;
use keyward_base::{ErrorKind, Tenant};
use keyward_crypto::Provider;

use crate::authenticator::Authenticator;
use crate::world::{World, named, passkey, subject};

#[test]
fn a_file_says_who_may_approve_and_where() {
    let world = World::new();
    let (trust, acme) = (&world.trust, Tenant::new("acme").unwrap());
    assert_eq!(
        (trust.version(), trust.service().as_str()),
        (3, "deploydesk")
    );
    assert_eq!(trust.party().origin(), "https://approve.example.com");
    assert_eq!(
        (trust.policy().reference().version(), trust.change_quorum()),
        (4, Some(2))
    );
    assert_eq!(
        trust.digest(),
        &Provider::default().sha256(&[trust.text().as_bytes()])
    );
    assert_eq!(trust.approvers().count(), 4);
    let ada = trust.approver(&acme, &subject("ada")).unwrap();
    assert_eq!((ada.passkeys().len(), ada.may_change()), (2, true));
    assert!(ada.passkey(world.ada.passkey.id()).is_some());
    assert_eq!(
        trust.passkeys(&acme, &subject("bob")),
        std::slice::from_ref(&world.bob.passkey)
    );
    assert!(trust.passkeys(&acme, &subject("mallory")).is_empty());
    assert!(
        trust
            .approver(&Tenant::new("globex").unwrap(), &subject("ada"))
            .is_none()
    );
}

#[test]
fn whatever_is_not_known_or_not_consistent_is_refused() {
    let world = World::new();
    let text = world.trust.text().to_owned();
    let parse = |text: &str| Trust::parse(&Provider::default(), text);
    assert!(parse(&text).is_ok());
    let other = Authenticator::new("other").passkey;
    let bob = &world.bob.passkey;
    let mut defects: Vec<(&str, String)> = [
        ("keyward-trust = 1", "keyward-trust = 2"),
        ("keyward-trust = 1\n", ""),
        ("version = 3", "version = 0"),
        ("version = 3", "version = -3"),
        ("version = 3", "version = \"3\""),
        ("version = 3", "version = 3.0"),
        ("version = 3\n", "version = 3\nversion = 4\n"),
        ("version = 3\n", "version = 3\nwarranty = true\n"),
        ("service = \"deploydesk\"", "service = \"Deploy Desk\""),
        ("service = \"deploydesk\"\n", ""),
        ("rp-id = \"approve.example.com\"", "rp-id = \"example.com\""),
        ("rp-id = \"approve.example.com\"\n", ""),
        (
            "origin = \"https://approve.example.com\"",
            "origin = \"http://approve.example.com\"",
        ),
        ("otherwise = \"forbidden\"", "otherwise = \"auto\""),
        ("change-quorum = 2\n", ""),
        ("change-quorum = 2", "change-quorum = 0"),
        ("change-quorum = 2", "change-quorum = 3"),
        ("roles = [\"admin\"]", "roles = [\"\"]"),
        ("roles = [\"admin\"]", "role = [\"admin\"]"),
        ("may-change = true", "may-change = \"yes\""),
        ("subject = \"bob\"", "subject = \"ada\""),
        ("subject = \"bob\"", "subject = \"\""),
        ("subject = \"bob\"", "subject = \"b ob\""),
        ("tenant = \"acme\"", "tenant = \"\""),
        ("public-key = \"MFkw", "public-key = \"MFkx"),
        ("public-key = \"MFkw", "public-key = \" MFkw"),
    ]
    .into_iter()
    .map(|(from, to)| (to, text.replacen(from, to, 1)))
    .collect();
    defects.push((
        "a passkey twice",
        format!("{text}{}", named("eve", "", &[bob])),
    ));
    let renamed = keyward_approval::passkey::Passkey::new(other.id(), bob.key().spki()).unwrap();
    defects.push((
        "a key under two ids",
        format!("{text}{}", named("eve", "", &[&renamed])),
    ));
    let two = keyward_approval::passkey::Passkey::new(bob.id(), other.key().spki()).unwrap();
    defects.push((
        "an id of two keys",
        format!("{text}{}", named("eve", "", &[&two])),
    ));
    // Of another tenant: he would change the file by two votes.
    let again = named("bob", "may-change = true\n", &[&other]).replace("acme", "globex");
    defects.push((
        "a subject of two tenants who may change it",
        format!("{text}{again}"),
    ));
    defects.push((
        "somebody who may change it and has no passkey to vote by",
        format!("{text}{}", named("eve", "may-change = true\n", &[])),
    ));
    let many: String = (0..17)
        .map(|n| passkey(&Authenticator::new(&n.to_string()).passkey))
        .collect();
    defects.push((
        "17 passkeys",
        format!("{text}{}{many}", named("eve", "", &[])),
    ));
    let people: String = (0..1_021)
        .map(|n| named(&format!("p{n}"), "", &[]))
        .collect();
    defects.push(("1,025 approvers", format!("{text}{people}")));
    defects.push((
        "too long",
        format!("{text}#{}", "a".repeat(keyward_approval::trust::MAX_LEN)),
    ));
    let roles: Vec<_> = (0..65).map(|n| format!("\"r{n}\"")).collect();
    let roles = format!("roles = [{}]\n", roles.join(", "));
    defects.push(("65 roles", format!("{text}{}", named("eve", &roles, &[]))));
    let twice = named("eve", "", &[]).repeat(2);
    defects.push(("somebody twice", format!("{text}{twice}")));
    let voters: String = (0..17)
        .map(|n| {
            let of = Authenticator::new(&format!("voter {n}")).passkey;
            named(&format!("v{n}"), "may-change = true\n", &[&of])
        })
        .collect();
    let most = |quorum: u8| {
        let quorum = format!("change-quorum = {quorum}");
        format!("{}{voters}", text.replace("change-quorum = 2", &quorum))
    };
    assert!(parse(&most(16)).is_ok());
    defects.push(("17 votes for a change", most(17)));
    defects.push(("nothing", String::new()));
    for (what, defect) in defects {
        assert_ne!(defect, text, "{what}");
        let refused = parse(&defect).map(|_| ()).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Misuse, "{what}");
    }
    let same = named("bob", "", &[&other]).replace("acme", "globex");
    assert!(
        parse(&format!("{text}{same}")).is_ok(),
        "one of another tenant"
    );
}
