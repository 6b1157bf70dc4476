//! What stands in a value, and is a secret by itself.

use crate::knowing;

fn found(value: &str, parts: &[&str]) {
    let redactor = knowing(value);
    for part in parts {
        let text = format!("({part})");
        assert_eq!(redactor.text(&text), "(•••)", "{part} of {value}");
        let hex: String = part.bytes().map(|b| format!("{b:02x}")).collect();
        assert_eq!(redactor.text(&hex), "•••", "{part} in hexadecimal");
    }
}

fn left(value: &str, parts: &[&str]) {
    let redactor = knowing(value);
    for part in parts {
        assert_eq!(redactor.text(part), *part, "{part} of {value}");
    }
}

#[test]
fn the_white_space_around_it_is_not_part_of_it() {
    let redactor = knowing("  secret-of-15-b\r\n");
    assert_eq!(redactor.text("a secret-of-15-b z"), "a ••• z");
    // Bytes that are no text are all of the value.
    let redactor = knowing(b"\xff1234567 ");
    assert_eq!(redactor.bytes(b"\xff1234567."), b"\xff1234567.");
}

#[test]
fn lines() {
    let value = "first-line-of-it\r\n  second-line-of-it  \nshort\r\rlast-line-of-it";
    let lines = ["first-line-of-it", "second-line-of-it", "last-line-of-it"];
    found(value, &lines);
    left(value, &["a short one"]);
}

const KEY: &str = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nMDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0\ndXZ3eHl6QUJDREVGR0g=\n-----END RSA PRIVATE KEY-----\n";

#[test]
fn a_key_is_found_without_its_armour_and_at_any_width() {
    let lines = [
        "MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0",
        "dXZ3eHl6QUJDREVGR0g=",
    ];
    found(KEY, &lines);
    let public = [
        "-----BEGIN RSA PRIVATE KEY-----",
        "-----END RSA PRIVATE KEY-----",
        "Proc-Type: 4,ENCRYPTED",
        "DEK-Info: AES-256-CBC,00",
    ];
    left(KEY, &public);
    // What the armour holds, itself and wrapped anew.
    found(KEY, &["0123456789abcdefghijklmnopqrstuvwxyzABCDEFGH"]);
    let redactor = knowing(KEY);
    let body = lines.concat();
    let narrow = format!("{}\n{}", &body[..30], &body[30..]);
    assert_eq!(redactor.text(&narrow), "•••");
}

#[test]
fn strings_of_json_and_not_its_public_fields() {
    let value = r#"{"type":"service_account","project_id":"some-project","private_key_id":"0123456789abcdef",
        "private_key":"-----BEGIN PRIVATE KEY-----\nMDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0\n-----END PRIVATE KEY-----\n",
        "client_email":"a@some-project.example","auth_uri":"https://accounts.example/auth",
        "more":["nested-secret-1",{"deep":"gr\u00fcn\ud83d\udd11\/secret"}]}"#;
    found(
        value,
        &[
            "MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0",
            "0123456789abcdefghijklmnopqrst",
            "nested-secret-1",
            "grün🔑/secret",
        ],
    );
    let public = [
        "service_account",
        "some-project",
        "0123456789abcdef",
        "a@some-project.example",
        "https://accounts.example/auth",
        "\"type\":\"service_account\"",
        "private_key_id",
    ];
    left(value, &public);
    // Of another shape, nothing is public.
    let other = r#"{"type":"something-secret","auth_uri":"https://hidden.example/auth"}"#;
    found(other, &["something-secret", "https://hidden.example/auth"]);
}

#[test]
fn a_part_that_is_another_ones_base64_is_found_wrapped() {
    let redactor = knowing(r#"["MDEyMzQ1Njc4OWFi","0123456789ab"]"#);
    assert_eq!(redactor.text("MDEyMzQ1\nNjc4OWFi"), "•••");
}

#[test]
fn public_fields_of_each_known_key_file() {
    for (value, secret, public) in [
        (
            r#"{"installed":{"client_id":"123-abc.apps","client_secret":"GOCSPX-secret-1","auth_uri":"https://auth.example","token_uri":"https://token.example","redirect_uris":["http://localhost:8080/cb"]}}"#,
            "GOCSPX-secret-1",
            ["123-abc.apps", "http://localhost:8080/cb"],
        ),
        (
            r#"{"type":"authorized_user","client_id":"123-abc.apps","client_secret":"d-secret-1","refresh_token":"1//refresh-secret","quota_project_id":"billing-project"}"#,
            "1//refresh-secret",
            ["authorized_user", "billing-project"],
        ),
        (
            r#"{"access_token":"ya29.secret-secret","token_type":"Bearer-token","scope":"https://scope.example"}"#,
            "ya29.secret-secret",
            ["Bearer-token", "https://scope.example"],
        ),
        (
            r#"{"Credentials":{"AccessKeyId":"ASIAIOSFODNN7EXAMPLE","SecretAccessKey":"wJalrXUtnFEMI-secret","Expiration":"2026-01-01T00:00:00Z"},"AssumedRoleUser":{"Arn":"arn:aws:sts::1:x/y"}}"#,
            "wJalrXUtnFEMI-secret",
            ["2026-01-01T00:00:00Z", "arn:aws:sts::1:x/y"],
        ),
        (
            r#"{"clientId":"00000000-aaaa","clientSecret":"azure~secret-1","tenantId":"11111111-bbbb"}"#,
            "azure~secret-1",
            ["00000000-aaaa", "11111111-bbbb"],
        ),
        (
            r#"{"appId":"00000000-aaaa","displayName":"deploy-bot","password":"azure~secret-1","tenant":"11111111-bbbb"}"#,
            "azure~secret-1",
            ["deploy-bot", "11111111-bbbb"],
        ),
        (
            r#"{"kty":"EC","crv":"P-256-long","x":"public-x-coordinate","d":"private-scalar-d"}"#,
            "private-scalar-d",
            ["P-256-long", "public-x-coordinate"],
        ),
        (
            r#"{"type":"external_account","audience":"//iam.example/x","subject_token_type":"urn:jwt:type","token_url":"https://sts.example","credential_source":{"header":"hidden-header-1"}}"#,
            "hidden-header-1",
            ["external_account", "https://sts.example"],
        ),
    ] {
        found(value, &[secret]);
        left(value, &public);
    }
}

#[test]
fn what_only_begins_as_json_has_lines() {
    let value = "{ not json at all\nsecond-line-of-it\n";
    found(value, &["{ not json at all", "second-line-of-it"]);
}

#[test]
fn the_password_in_a_url() {
    found(
        "postgres://deploy:s3cr%21etPass@db:5432/app",
        &["s3cr%21etPass", "s3cr!etPass"],
    );
    found(
        "redis://:pass+w%20ord@cache:6379",
        &["pass+w%20ord", "pass+w ord", "pass w ord"],
    );
    found(
        "postgres://u:not/encoded#pass@db/app",
        &["not/encoded#pass"],
    );
    found("amqp://u:two@signs-pass@mq", &["two@signs-pass"]);
    found(
        "mongodb://a:first-pass-1@h1,mongodb://b:second-pass@h2",
        &["first-pass-1", "second-pass"],
    );
    found(
        "https://ghp_token-alone@github.example/x",
        &["ghp_token-alone"],
    );
    found(
        "https://ghp_token-alone:x-oauth-basic@github.example/x",
        &["ghp_token-alone"],
    );
    left(
        "postgres://deploy_user:longpassword@db.internal/app",
        &["deploy_user", "db.internal"],
    );
}

#[test]
fn the_password_in_a_connection_string() {
    found(
        "Server=db;User Id=app;Password=my ;-) no; pass"
            .replace(";-)", "-)")
            .as_str(),
        &["my -) no"],
    );
    found(
        "Server=db;PWD=\"semi;colon\"\"pass\";X=1",
        &["semi;colon\"pass", "semi;colon\"\"pass"],
    );
    found(
        "Driver={x};Pwd={brace}}pass;};X=1",
        &["brace}pass;", "brace}}pass;"],
    );
    found(
        "host=db password='it\\'s \\\\secret' user=a",
        &["it's \\secret", "it\\'s \\\\secret"],
    );
    found("host=db password=plain-secret user=a", &["plain-secret"]);
    found(
        "jdbc:x://h/db?user=a&password=jdbc%2Bsecret&ssl=1",
        &["jdbc%2Bsecret", "jdbc+secret"],
    );
    found(
        "DefaultEndpointsProtocol=https;AccountKey=abcd+/efgh==;Suffix=x",
        &["abcd+/efgh=="],
    );
    found("user:go-mysql-pass@tcp(db:3306)/app", &["go-mysql-pass"]);
    left(
        "Server=database-server;Password=longpassword;App=application-name",
        &["database-server", "application-name"],
    );
}

#[test]
fn a_long_value_is_one_mask_in_every_form() {
    let value: String = (0..5000).map(|i| format!("{i:x}ü")).collect();
    let value = value + "\u{1f511}end";
    assert!(value.len() > 2 * keyward_redact::policy::PIECE_LEN);
    let redactor = knowing(&value);
    assert!(redactor.text(&format!("({value})")) == "(•••)", "raw");
    let hex: String = value.bytes().map(|b| format!("{b:02x}")).collect();
    assert!(redactor.text(&hex) == "•••", "hexadecimal");
    let json: String = value
        .encode_utf16()
        .map(|unit| match u8::try_from(unit).ok().filter(u8::is_ascii) {
            Some(byte) => char::from(byte).to_string(),
            None => format!("\\u{unit:04x}"),
        })
        .collect();
    assert!(redactor.text(&json) == "•••", "JSON");
    let utf16: Vec<u8> = value.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(redactor.bytes(&utf16) == "•••".as_bytes(), "UTF-16");
}

#[test]
fn a_mask_completes_no_needle() {
    for (value, pieces) in [
        ("before-it•after-it", &["before-it", "after-it"][..]),
        ("•leading-mark", &["leading-mark"]),
        ("trailing-mark••", &["trailing-mark"]),
        ("short•long-enough", &["long-enough"]),
    ] {
        let redactor = knowing(value);
        let what = redactor.warnings();
        assert_eq!(what.len(), 1);
        assert_eq!(what[0].what, keyward_redact::What::MaskCharacter);
        for piece in pieces {
            assert_eq!(redactor.text(&format!("({piece})")), "(•••)", "{piece}");
        }
        // Whatever is masked beside it, what comes out is not the value.
        let other = crate::name("other");
        redactor.add(&other, b"ANOTHER-SECRET").unwrap();
        let text = value.replace('•', "ANOTHER-SECRET");
        assert_ne!(redactor.text(&text), value);
    }
    // The bytes of the mark alone, at either end: nothing else is left plain, and nothing said.
    for value in [b"\x80\xa2eight-bytes\xe2", b"\xa2eight-bytes\xe2\x80"] {
        let redactor = knowing(value);
        assert_eq!(redactor.bytes(b"(eight-bytes)"), "(•••)".as_bytes());
        assert!(redactor.warnings().is_empty());
    }
}
