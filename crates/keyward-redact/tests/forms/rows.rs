//! One example of each row of the page, as the program that it names writes it.

use crate::knowing;

/// Value, and how it is written: all of it must be masked as one.
fn is_masked(value: &str, written: &str) {
    let redactor = knowing(value);
    let text = format!("({written})");
    assert_eq!(redactor.text(&text), "(•••)", "{value:?} as {written:?}");
}

#[test]
fn json() {
    is_masked("tab\there\u{1f}end", r"tab\there\u001fend");
    is_masked("tab\there\u{1f}end", r"tab\there\u001Fend");
    is_masked("form\u{c}feed\u{8}", r"form\ffeed\b");
    is_masked("form\u{c}feed\u{8}", r"form\u000cfeed\u0008");
    is_masked(r#"quo"te\slash"#, r#"quo\"te\\slash"#);
    is_masked("a/b+c/d=e", r"a\/b+c\/d=e");
    is_masked("grün🔑schlüssel", r"gr\u00fcn\ud83d\udd11schl\u00fcssel");
    is_masked("grün🔑schlüssel", r"gr\u00FCn\uD83D\uDD11schl\u00FCssel");
    // PHP: both.
    is_masked("grün/schlüssel", r"gr\u00fcn\/schl\u00fcssel");
}

#[test]
fn json_for_pages() {
    is_masked("a<b>c&d'e\"f", r#"a\u003cb\u003ec\u0026d'e\"f"#);
    is_masked("line\u{2028}separator", r"line\u2028separator");
    is_masked("a<b>c&d'e\"f", r#"a\u003cb\u003ec\u0026d\u0027e\"f"#);
    is_masked("base64==with<", r"base64\u003d\u003dwith\u003c");
    is_masked("a<b>c&d'e\"f", r"a\u003Cb\u003Ec\u0026d\u0027e\u0022f");
    is_masked("a+b`c\"d'e", r"a\u002Bb\u0060c\u0022d\u0027e");
    is_masked("<grün>/abc", r"\u003cgr\u00fcn\u003e/abc");
}

#[test]
fn rust() {
    for value in [
        "tab\tnul\0quo\"te's\\",
        "grün\u{7f}\u{301}x",
        "es\u{1b}cape\u{200b}d",
    ] {
        let shown = format!("{value:?}");
        is_masked(value, shown.trim_matches('"'));
        is_masked(value, &value.as_bytes().escape_ascii().to_string());
    }
    is_masked("nul\0it's\"grün", r#"nul\0it's\"gr\xc3\xbcn"#);
}

#[test]
fn python() {
    is_masked("it's \"so\" \\ \x1b", r#"it\'s "so" \\ \x1b"#);
    is_masked("it's so \\ \x1b", r"it's so \\ \x1b");
    is_masked("grün🔑✓key", r"gr\xfcn\U0001f511\u2713key");
}

#[test]
fn shells() {
    is_masked("it's a secret", r"it'\''s a secret");
    is_masked("it's a secret", r#"it'"'"'s a secret"#);
    is_masked("pa$s`w\"o\\rd!", r#"pa\$s\`w\"o\\rd!"#);
    is_masked("pa$s`w\"o\\rd!", r#"pa\$s\`w\"o\\rd\!"#);
    is_masked("a b(c)&d~e:~f", r"a\ b\(c\)\&d~e:\~f");
    is_masked("it's\tü\x1b\x02", r"it\'s\tü\E\002");
    is_masked("it's\tü\x1b\x02", r"it\'s\t\303\274\E\002");
    is_masked("it's \"mine\"", r#"it''s "mine""#);
    is_masked("it's \"mine\"", r#"it's ""mine"""#);
}

#[test]
fn urls() {
    let value = "a b/c+d=e~f*g@h";
    for written in [
        "a%20b%2Fc%2Bd%3De~f%2Ag%40h",
        "a%20b%2fc%2bd%3de~f%2ag%40h",
        "a%20b/c%2Bd%3De~f%2Ag%40h",
        "a%20b%2Fc%2Bd%3De~f*g%40h",
        "a%20b/c+d=e~f*g@h",
        "a%20b%2Fc+d=e~f*g@h",
        "a%20b%2Fc+d=e~f%2Ag@h",
        "a+b%2Fc%2Bd%3De%7Ef*g%40h",
        "a+b%2Fc%2Bd%3De~f%2Ag%40h",
        "a+b%2Fc%2Bd%3De%7Ef%2Ag%40h",
    ] {
        is_masked(value, written);
    }
    is_masked("{über}|pass^", "%7B%C3%BCber%7D|pass%5E");
}

#[test]
fn pages() {
    let value = "<a href=\"x\">'&";
    for written in [
        "&lt;a href=&quot;x&quot;&gt;&#39;&amp;",
        "&lt;a href=&quot;x&quot;&gt;&#039;&amp;",
        "&lt;a href=&quot;x&quot;&gt;&#x27;&amp;",
        "&lt;a href=&quot;x&quot;&gt;&apos;&amp;",
        "&lt;a href=&#34;x&#34;&gt;&#39;&amp;",
        "&lt;a href=\"x\"&gt;'&amp;",
        "&#60;a href=&#34;x&#34;&#62;&#39;&#38;",
        "&#x3c;a href=&#x22;x&#x22;&#x3e;&#x27;&#x26;",
        "&#x3C;a href&#x3D;&quot;x&quot;&gt;&#x27;&amp;",
    ] {
        let whole = written != "&#x3C;a href&#x3D;&quot;x&quot;&gt;&#x27;&amp;";
        let masked = knowing(value).text(&format!("({written})"));
        assert_eq!(masked == "(•••)", whole, "{written}");
    }
    is_masked("key+with+more", "key&#43;with&#43;more");
    is_masked("key=with/more", "key&#x3D;with/more");
    is_masked("key=with/more", "key&#x3D;with&#x2F;more");
}

#[test]
fn hexadecimal_and_utf16() {
    is_masked("secret-1", "7365637265742d31");
    is_masked("secret-1", "7365637265742D31");
    let units: Vec<u16> = "grün🔑key".encode_utf16().collect();
    for order in [u16::to_le_bytes, u16::to_be_bytes] {
        let text: Vec<u8> = units.iter().flat_map(|unit| order(*unit)).collect();
        let masked = knowing("grün🔑key").bytes(&text);
        assert_eq!(String::from_utf8(masked).unwrap(), "•••");
    }
}

#[test]
fn base64_at_each_offset_and_of_any_width() {
    // `printf %s 'user:secret-1?>: x' | base64`, and with one and two bytes more before it.
    let value = "secret-1?>";
    for (written, masked) in [
        ("dXNlcjpzZWNyZXQtMT8+OiB4", "dXNlcjp•••OiB4"),
        ("eHVzZXI6c2VjcmV0LTE/PjogeA==", "eHVzZXI6•••jogeA=="),
        ("eHh1c2VyOnNlY3JldC0xPz46IHg=", "eHh1c2VyOn•••46IHg="),
    ] {
        let redactor = knowing(value);
        assert_eq!(redactor.text(written), masked, "{written}");
        let url = written.replace('+', "-").replace('/', "_");
        assert_eq!(redactor.text(&url), masked, "{url}");
        for ending in ["\n", "\r", "\r\n"] {
            for width in 1..written.len() {
                let lines: Vec<&str> = (0..written.len())
                    .step_by(width)
                    .map(|at| &written[at..written.len().min(at + width)])
                    .collect();
                let out = redactor.text(&lines.join(ending));
                let out = out.replace(ending, "");
                assert_eq!(out, masked, "{width}");
            }
        }
    }
    // Two line ends are none of base64's.
    let torn = "c2VjcmV0\n\nLTE/Pg==";
    assert_eq!(knowing(value).text(torn), torn);
}
