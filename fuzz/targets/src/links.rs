//! What is typed or presented to be found and let in, and the rows behind it.

use keyward_base::ErrorKind;
use keyward_password::Identifier;
use keyward_password::{directory, mail};
use secrecy::ExposeSecret as _;

/// An address has one form, which is its own form, and from which a mail's header is not left.
pub fn identifier(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    match Identifier::email(text) {
        Ok(read) => {
            let form = read.as_str();
            assert_eq!(Identifier::email(form).expect("its own form"), read);
            assert!(form.len() <= 254 && form.matches('@').count() == 1);
            assert!(!form.contains(|c: char| c.is_control() || c.is_whitespace()));
            assert!(!form.contains(['<', '>', '(', ')', ',', ';', ':', '"', '\\', '[', ']']));
            assert!(!form.bytes().any(|b| b.is_ascii_uppercase()));
        }
        Err(e) => assert_eq!(e.kind(), ErrorKind::Rejected),
    }
}

/// A link's token that is read is written again the same.
pub fn mail_token(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    match mail::shape(text) {
        Ok(again) => assert_eq!(again.expose_secret(), text),
        Err(e) => assert_eq!(e.kind(), ErrorKind::Rejected),
    }
}

/// The first byte says which format: the row of a link, what it seals, or a row of the directory.
pub fn login_rows(data: &[u8]) {
    let Some((which, row)) = data.split_first() else {
        return;
    };
    let again = match which % 3 {
        0 => mail::reread(row),
        1 => mail::reread_body(row),
        _ => directory::reread(row),
    };
    match again {
        Ok(again) => assert_eq!(again, row),
        Err(e) => assert!(matches!(
            e.kind(),
            ErrorKind::Corrupt | ErrorKind::Unavailable
        )),
    }
}
