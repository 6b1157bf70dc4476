//! The cookie header of a stranger's request, with one line of it in each line of the input.

use keyward_base::{ErrorKind, Reason};
use keyward_session::cookie::{MAX_COOKIES_LEN, MAX_VALUE_LEN};
use keyward_session::{Cookie, danger, reason};

/// What is read of it is what a plainer reader reads, in one line or in many; and what is read is
/// written and read again.
pub fn session_cookie(data: &[u8]) {
    let lines: Vec<&[u8]> = data.split(|b| *b == b'\n').collect();
    for cookie in [Cookie::USER, danger::loopback_cookie(Cookie::USER)] {
        let read = cookie.read(lines.iter().copied());
        let read = read.map_err(|error| {
            assert_eq!(error.kind(), ErrorKind::Rejected);
            error.reason().expect("a reason")
        });
        assert_eq!(read, plainly(cookie.name(), &lines), "{cookie:?}");
        let joined = lines.join(b"; ".as_slice());
        if joined.len() <= MAX_COOKIES_LEN {
            assert_eq!(cookie.read([joined.as_slice()]).ok(), read.ok());
        }
        if let Ok(Some(value)) = read {
            let header = cookie.set(value, None).expect("what was read is a token");
            let text = header.to_str().expect("ASCII");
            let (pair, _) = text.split_once(';').expect("attributes");
            assert_eq!(cookie.read([pair.as_bytes()]).expect("ours"), Some(value));
        }
    }
}

/// The same by making all pairs first.
fn plainly<'a>(name: &str, lines: &[&'a [u8]]) -> Result<Option<&'a str>, Reason> {
    if lines.iter().map(|line| line.len()).sum::<usize>() > MAX_COOKIES_LEN {
        // Which of two reasons is told depends on where the limit is met.
        let within = lines.iter().scan(0, |sum, line| {
            *sum += line.len();
            (*sum <= MAX_COOKIES_LEN).then_some(*line)
        });
        let twice = of(name, within).len() > 1;
        return Err(if twice {
            reason::COOKIE_TWICE
        } else {
            Reason::TOO_LONG
        });
    }
    match of(name, lines.iter().copied()).as_slice() {
        [] => Ok(None),
        [value] => std::str::from_utf8(value)
            .ok()
            .filter(|value| (1..=MAX_VALUE_LEN).contains(&value.len()))
            .filter(|value| {
                value
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
            })
            .map(Some)
            .ok_or(Reason::MALFORMED),
        _ => Err(reason::COOKIE_TWICE),
    }
}

fn of<'a>(name: &str, lines: impl Iterator<Item = &'a [u8]>) -> Vec<&'a [u8]> {
    let pairs = lines.flat_map(|line| line.split(|b| *b == b';'));
    pairs
        .filter_map(|pair| {
            let spaces = pair.iter().take_while(|b| **b == b' ').count();
            let equals = pair.iter().position(|b| *b == b'=')?;
            (pair.get(spaces..equals)? == name.as_bytes()).then(|| &pair[equals + 1..])
        })
        .collect()
}
