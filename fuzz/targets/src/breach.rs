//! Lists of breached passwords: what a server answers, and what lies in a file.

use std::io::Cursor;

use keyward_base::{ErrorKind, SecretBytes};
use keyward_password::Password;
use keyward_password::breach::{BreachFile, Building, Fingerprint, RangeRequest};

fn fingerprint() -> Fingerprint {
    let password = Password::new(SecretBytes::copy_of(b"password"));
    Fingerprint::of(&password.expect("a password"))
}

/// An answer of the range API: an error, or how often the lines that hold the suffix say.
pub fn breach_range(data: &[u8]) {
    const SUFFIX: &str = "1E4C9B93F3F0682250B6CF8331B7EE68FD8:";
    let wanted = fingerprint();
    match RangeRequest::of(&wanted).count(&wanted, data) {
        Ok(count) => {
            let text = std::str::from_utf8(data).expect("text");
            let upper = text.to_ascii_uppercase();
            let counts = upper.lines().filter_map(|line| line.strip_prefix(SUFFIX));
            let counts = counts.map(|count| count.trim_end().parse::<u64>().expect("a number"));
            assert_eq!(count, counts.fold(0, u64::saturating_add));
        }
        Err(e) => assert_eq!(e.kind(), ErrorKind::Unavailable),
    }
}

/// A file: refused, or looked up in, which reads no more than it holds. The same bytes as a list to
/// build from: what is built of it opens, and lists as many.
pub fn breach_file(data: &[u8]) {
    match BreachFile::open(Cursor::new(data.to_vec())) {
        Ok(file) => {
            assert_eq!(data.len() as u64, 24 + file.len() * 8);
            let found = file.contains(&fingerprint()).expect("within the file");
            let is_there = data[24..]
                .chunks(8)
                .any(|entry| entry == [0x5b, 0xaa, 0x61, 0xe4, 0xc9, 0xb9, 0x3f, 0x3f]);
            assert!(is_there || !found);
        }
        Err(e) => assert_eq!(e.kind(), ErrorKind::Corrupt),
    }
    let mut building = Building::new(Cursor::new(Vec::new())).expect("memory");
    if let Err(e) = building.add_sha1s(data, 2) {
        let kind = e.kind();
        assert!(
            matches!(kind, ErrorKind::Misuse | ErrorKind::Unavailable),
            "{e:?}"
        );
    }
    let (out, count) = building.finish().expect("memory");
    assert_eq!(BreachFile::open(out).expect("a file").len(), count);
}
