//! What is refused when it is loaded, and what is made.

use keyward_base::{ErrorKind, SecretBytes};
use keyward_webhook::danger::add_weak;
use keyward_webhook::preset;

use crate::kit::{BODY, Kit, NOW, secret};

fn refused(preset: &str, text: &str) -> String {
    let kit = Kit::named(preset);
    let secret = SecretBytes::copy_of(text.as_bytes());
    let error = kit.hook.secrets().add("one", None, &secret).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Misuse, "{preset}: {text:?}");
    let said = error.to_string();
    for piece in text.as_bytes().windows(9) {
        let piece = std::str::from_utf8(piece).unwrap();
        assert!(!said.contains(piece), "{said}");
    }
    said
}

#[test]
fn of_every_provider() {
    for scheme in preset::all() {
        let name = &*scheme.name;
        for (text, said) in [
            ("", "empty"),
            ("   ", "empty, or white space"),
            ("\n", "white space"),
            (" 0123456789abcdef0123456789abcdef", "white space"),
            ("0123456789abcdef0123456789abcdef\n", "white space"),
            ("0123456789abcdef0123456789abcdef\t", "white space"),
            ("v1,whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "behind `v1,`"),
            ("whsk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "private key"),
            ("whpk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "public key"),
            (
                "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
                "PEM",
            ),
        ] {
            assert!(refused(name, text).contains(said), "{name}: {text:?}");
        }
    }
}

#[test]
fn short_ones() {
    for (preset, long_enough) in [
        ("github", "0123456789abcdef"),
        ("slack", "0123456789abcdef"),
        ("gitlab-token", "0123456789abcdef"),
        ("stripe", "whsec_0123456789abcdef"),
        ("svix", "whsec_AAAAAAAAAAAAAAAAAAAAAA=="),
        ("standard-webhooks", "AAAAAAAAAAAAAAAAAAAAAA=="),
    ] {
        let kit = Kit::named(preset);
        let load = |text: &str| {
            let secret = SecretBytes::copy_of(text.as_bytes());
            kit.hook.secrets().add("one", None, &secret)
        };
        load(long_enough).unwrap();
        let short = match preset {
            "svix" => "whsec_AAAAAAAAAAAAAAAAAAAA",
            "standard-webhooks" => "AAAAAAAAAAAAAAAAAAAA",
            _ => &long_enough[..long_enough.len() - 1],
        };
        let said = load(short).unwrap_err().to_string();
        assert!(said.contains("less than 16 bytes"), "{preset}: {said}");
        let mut weak = kit.hook.secrets();
        let secret = SecretBytes::copy_of(short.as_bytes());
        add_weak(&mut weak, "one", None, &secret).unwrap();
    }
}

#[test]
fn those_of_another_kind() {
    let plain = "0123456789abcdef0123456789abcdef";
    assert!(refused("stripe", plain).contains("`whsec_`"));
    assert!(refused("svix", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").contains("`whsec_`"));
    for text in [
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS-",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa S",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwA=",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLQ=1",
        "whsec_!",
    ] {
        for preset in ["svix", "resend", "gitlab-signed", "standard-webhooks"] {
            assert!(refused(preset, text).contains("base64"), "{preset}: {text}");
        }
    }
}

#[test]
fn sets() {
    let kit = Kit::named("github");
    let form = &kit.hook.scheme().key;
    let mut secrets = kit.hook.secrets();
    for number in 0..8 {
        secrets
            .add(format!("k{number}"), None, &secret(form, number))
            .unwrap();
    }
    assert!(
        secrets.add("k8", None, &secret(form, 8)).is_err(),
        "the ninth"
    );
    assert_eq!(secrets.ids().count(), 8);
    assert_eq!(
        kit.verify(&secrets, &kit.request_of(7, BODY)),
        Ok("k7".into())
    );

    let mut secrets = kit.hook.secrets();
    secrets.add("k", None, &secret(form, 1)).unwrap();
    for id in ["k", "", "a b", "\u{e9}"] {
        assert!(secrets.add(id, None, &secret(form, 2)).is_err(), "{id:?}");
    }
    assert!(secrets.add("x".repeat(65), None, &secret(form, 2)).is_err());
}

/// 256 random bits, in the form of the provider; they load, sign and verify.
#[test]
fn generated() {
    for kit in Kit::all() {
        let made = kit.hook.generate().unwrap();
        let other = kit.hook.generate().unwrap();
        assert_ne!(made.expose(), other.expose());
        let text = std::str::from_utf8(made.expose()).unwrap();
        let bytes = text.strip_prefix("whsec_").unwrap_or(text).len();
        assert!(bytes == 43 || bytes == 44, "{}: {bytes}", kit.name());
        let mut secrets = kit.hook.secrets();
        secrets.add("made", None, &made).unwrap();
        let request = kit.signed(&made, NOW, BODY);
        assert_eq!(
            kit.verify(&secrets, &request),
            Ok("made".into()),
            "{}",
            kit.name()
        );
    }
}
