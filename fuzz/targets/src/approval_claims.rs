//! Files of an executor's anchor that somebody else wrote.

use keyward_approval::claims::{Index, MAX_LEN, MAX_PINS, SHARDS, Shard};
use keyward_base::encoding::hex;
use keyward_base::{ErrorKind, Timestamp};
use keyward_crypto::Provider;

/// What is read writes itself back; as it is, and with the last line that belongs to it.
pub fn approval_claims(data: &[u8]) {
    read(data);
    let sum = Provider::default().sha256(&[data]);
    read(&[data, hex(&sum).as_bytes(), b"\n"].concat());
}

fn read(data: &[u8]) {
    match Index::parse(data) {
        Ok(index) => {
            assert_eq!(index.render().as_bytes(), data, "not canonical");
            assert!((SHARDS..=u16::MAX).all(|number| !index.has(number)));
        }
        Err(error) => refused(error.kind()),
    }
    let text = std::str::from_utf8(data).unwrap_or_default();
    let said = text
        .get(17..20)
        .map(|digits| u16::from_str_radix(digits, 16));
    let number = said.and_then(Result::ok).unwrap_or(0x7f7);
    match Shard::parse(number, data) {
        Ok(mut shard) => {
            assert_eq!(shard.render().as_bytes(), data, "not canonical");
            assert!(data.len() <= MAX_LEN && shard.len() <= MAX_PINS);
            assert!(Shard::parse(number ^ 1, data).is_err());
            let (before, gone) = (shard.len(), shard.prune(Timestamp::from_millis(u64::MAX)));
            assert_eq!((gone, shard.len()), (before, 0));
            Shard::parse(number, shard.render().as_bytes()).expect("it was written");
        }
        Err(error) => refused(error.kind()),
    }
}

fn refused(kind: ErrorKind) {
    assert!(matches!(kind, ErrorKind::Corrupt | ErrorKind::Unavailable));
}
