//! By what part of its address a client is known.

#![allow(clippy::unwrap_used)] // Tests: a panic is the report.

use std::collections::HashSet;

use keyward_base::{AddressPrefix, ErrorKind};

fn of(text: &str) -> AddressPrefix {
    AddressPrefix::of(text.parse().unwrap())
}

#[test]
fn an_address_is_known_by_what_one_client_holds() {
    for (address, prefix) in [
        ("192.0.2.7", "192.0.2.7/32"),
        ("0.0.0.0", "0.0.0.0/32"),
        ("::ffff:192.0.2.7", "192.0.2.7/32"),
        ("::ffff:c000:207", "192.0.2.7/32"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::", "2001:db8:1:3::/64"),
        ("::1", "::/64"),
        // IPv4-compatible, which nobody uses: no IPv4 address.
        ("::192.0.2.7", "::/64"),
    ] {
        assert_eq!(of(address).to_string(), prefix);
    }
}

#[test]
fn a_coarser_one_is_a_larger_neighbourhood() {
    let of_v6 = "2001:db8:1:2::1";
    for (v4, v6, first, second) in [
        (24, 48, "192.0.2.0/24", "2001:db8:1::/48"),
        (16, 32, "192.0.0.0/16", "2001:db8::/32"),
        (31, 63, "192.0.2.6/31", "2001:db8:1:2::/63"),
        (0, 0, "0.0.0.0/0", "::/0"),
        (255, 255, "192.0.2.7/32", "2001:db8:1:2::/64"),
    ] {
        assert_eq!(of("192.0.2.7").coarser(v4, v6).to_string(), first);
        assert_eq!(of(of_v6).coarser(v4, v6).to_string(), second);
        // Once coarse, it stays so.
        assert_eq!(
            of(of_v6).coarser(v4, v6).coarser(255, 255).to_string(),
            second
        );
    }
}

#[test]
fn no_two_have_the_same_bytes() {
    let addresses = [
        "192.0.2.7",
        "192.0.2.0",
        "0.0.0.0",
        "::",
        "c000:207::",
        "c000:200::",
    ];
    let lengths = [(32, 64), (24, 48), (8, 8), (0, 0)];
    let all: HashSet<AddressPrefix> = addresses
        .iter()
        .flat_map(|address| lengths.map(|(v4, v6)| of(address).coarser(v4, v6)))
        .collect();
    let bytes: HashSet<[u8; 18]> = all.iter().map(|prefix| prefix.to_bytes()).collect();
    assert_eq!(bytes.len(), all.len());
    let one = of("192.0.2.7").to_bytes();
    assert_eq!(one[..6], [4, 32, 192, 0, 2, 7]);
    assert_eq!(one[6..], [0; 12]);
}

#[test]
fn a_range_is_read_in_one_spelling() {
    for (text, shown) in [
        ("192.0.2.0/24", "192.0.2.0/24"),
        ("192.0.2.7", "192.0.2.7/32"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("2001:db8::/32", "2001:db8::/32"),
        ("2001:db8::7", "2001:db8::7/128"),
        ("::/0", "::/0"),
    ] {
        let range = AddressPrefix::parse(text).unwrap();
        assert_eq!(range.to_string(), shown);
        assert_eq!(AddressPrefix::parse(shown).unwrap(), range);
        assert_eq!(
            shown,
            format!("{}/{}", text.split('/').next().unwrap(), range.bits())
        );
    }
    for text in [
        "",
        "/",
        "192.0.2.7/24",
        "192.0.2.0/33",
        "192.0.2.0/+24",
        "192.0.2.0/024",
        "192.0.2.0/",
        "192.0.2/24",
        "2001:db8::1/64",
        "2001:db8::/129",
        "::ffff:192.0.2.0/120",
        "::ffff:192.0.2.7",
        " 192.0.2.0/24",
        "fe80::1%1",
        "a.example",
    ] {
        let error = AddressPrefix::parse(text).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Misuse, "{text}");
    }
}

#[test]
fn a_range_holds_what_begins_like_it() {
    let holds = |range: &str, address: &str| {
        let range = AddressPrefix::parse(range).unwrap();
        range.contains(address.parse().unwrap())
    };
    assert!(holds("192.0.2.0/24", "192.0.2.255"));
    assert!(holds("192.0.2.0/24", "::ffff:192.0.2.255"));
    assert!(!holds("192.0.2.0/24", "192.0.3.0"));
    assert!(!holds("192.0.2.0/24", "c000:200::1"));
    assert!(holds("2001:db8::/65", "2001:db8::7fff:0:0:1"));
    assert!(!holds("2001:db8::/65", "2001:db8::8000:0:0:1"));
    assert!(holds("2001:db8::7", "2001:db8::7"));
    assert!(!holds("2001:db8::7", "2001:db8::8"));
    assert!(holds("0.0.0.0/0", "203.0.113.7"));
    assert!(!holds("0.0.0.0/0", "2001:db8::1"));
    assert!(!holds("::/0", "203.0.113.7"));
}

#[test]
fn the_bytes_of_a_prefix_are_read_and_no_others() {
    for text in [
        "0.0.0.0/0",
        "192.0.2.0/24",
        "192.0.2.7/32",
        "::/0",
        "2001:db8::/48",
        "::1/128",
    ] {
        let prefix = AddressPrefix::parse(text).unwrap();
        let bytes = prefix.to_bytes();
        assert_eq!(AddressPrefix::from_bytes(&bytes), Some(prefix));
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut other = bytes;
                other[at] ^= 1 << bit;
                // Another prefix, or none: never one with other bytes.
                let read = AddressPrefix::from_bytes(&other);
                assert!(
                    read.is_none_or(|read| read.to_bytes() == other),
                    "{other:?}"
                );
            }
        }
    }
    // One of IPv4 that is written as IPv6 is the IPv4 address, and not read here.
    let mut mapped = AddressPrefix::parse("2001:db8::7").unwrap().to_bytes();
    mapped[2..14].copy_from_slice(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]);
    assert_eq!(AddressPrefix::from_bytes(&mapped), None);
}
