//! One address of a forwarding header, in each way it is written.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The most bytes of an entry of `X-Forwarded-For`: the longest IPv6 address, brackets, a port and
/// some room for spaces.
const MAX_ENTRY: usize = 64;

/// The most bytes of a line of `Forwarded`, which has to be read from its beginning. One entry with
/// all its parameters has some hundred.
const MAX_LINE: usize = 4096;

/// The most parameters of one element of `Forwarded`. Four are defined.
const MAX_PARAMETERS: usize = 16;

/// Reads `192.0.2.7`, `192.0.2.7:443`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:443`, with
/// spaces and tabs around it. No name, no zone, no quotes; and no address that nobody sends from.
pub(crate) fn address(entry: &[u8]) -> Option<IpAddr> {
    let entry = trim(entry);
    if entry.len() > MAX_ENTRY {
        return None;
    }
    let text = std::str::from_utf8(entry).ok()?;
    // Without brackets, a second colon is of the address.
    let bare: Option<Ipv6Addr> = text.parse().ok();
    bare.map_or_else(|| node(text), |address| sender(address.into()))
}

/// Reads a node of RFC 7239, section 6: an address and perhaps a port. `unknown` and obfuscated names
/// (`_hidden`) are none.
fn node(text: &str) -> Option<IpAddr> {
    let (address, port): (IpAddr, &str) = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']')?;
            (address.parse::<Ipv6Addr>().ok()?.into(), port)
        }
        None => {
            let (address, port) = text.split_at(text.find(':').unwrap_or(text.len()));
            (address.parse::<Ipv4Addr>().ok()?.into(), port)
        }
    };
    let fits = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
    sender(address).filter(|_| fits)
}

/// Section 6.3: a number of up to 5 digits, or an obfuscated one.
fn is_port(text: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    match text.strip_prefix('_') {
        Some(rest) => !rest.is_empty() && rest.bytes().all(word),
        None => (1..=5).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit()),
    }
}

fn sender(address: IpAddr) -> Option<IpAddr> {
    let address = address.to_canonical();
    let nobody = address.is_unspecified()
        || address.is_multicast()
        || matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
    (!nobody).then_some(address)
}

/// The elements of a line of `Forwarded` from the last to the first, each as the address of its `for`;
/// none for an element without one. A line that does not keep to the grammar has one element, which
/// is none: where quotes are open, what a client wrote cannot be told from what a proxy did.
pub(crate) fn of_forwarded(line: &[u8]) -> impl Iterator<Item = Option<IpAddr>> + use<> {
    let whole = (line.len() <= MAX_LINE).then(|| elements(line)).flatten();
    whole.unwrap_or_else(|| vec![None]).into_iter().rev()
}

/// RFC 7239, section 4. Spaces and tabs are also taken beside a semicolon, as some write them.
fn elements(line: &[u8]) -> Option<Vec<Option<IpAddr>>> {
    let mut rest = Rest(line);
    let mut elements = Vec::new();
    loop {
        let mut names: Vec<Vec<u8>> = Vec::new();
        let mut address = None;
        let more = loop {
            rest.skip_space();
            if let Some(name) = rest.token() {
                let name = name.to_ascii_lowercase();
                rest.take(b'=')?;
                let value = rest.value()?;
                if name == b"for" {
                    address = std::str::from_utf8(&value).ok().and_then(node);
                }
                // Each stands once: two readers could take different ones.
                if names.contains(&name) || names.len() == MAX_PARAMETERS {
                    return None;
                }
                names.push(name);
                rest.skip_space();
            }
            match rest.next() {
                Some(b';') => {}
                Some(b',') => break true,
                Some(_) => return None,
                None => break false,
            }
        };
        elements.push(address);
        if !more {
            return Some(elements);
        }
    }
}

struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        self.next().filter(|next| *next == byte).map(drop)
    }

    fn skip_space(&mut self) {
        while let Some((b' ' | b'\t', rest)) = self.0.split_first() {
            self.0 = rest;
        }
    }

    /// RFC 9110, section 5.6.2; none if there is not a byte of one.
    fn token(&mut self) -> Option<&'a [u8]> {
        let len = self.0.iter().take_while(|b| is_token(**b)).count();
        let (token, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        (len > 0).then_some(token)
    }

    fn value(&mut self) -> Option<Vec<u8>> {
        if self.0.first() != Some(&b'"') {
            return self.token().map(<[u8]>::to_vec);
        }
        self.take(b'"')?;
        let mut value = Vec::new();
        loop {
            match self.next()? {
                b'"' => return Some(value),
                b'\\' => value.push(self.next()?),
                other => value.push(other),
            }
        }
    }
}

const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

fn trim(text: &[u8]) -> &[u8] {
    let space = |b: &u8| matches!(b, b' ' | b'\t');
    let start = text.iter().take_while(|b| space(b)).count();
    let text = text.get(start..).unwrap_or_default();
    let end = text.iter().rev().take_while(|b| space(b)).count();
    text.get(..text.len().saturating_sub(end))
        .unwrap_or_default()
}
