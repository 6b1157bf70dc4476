//! Records of gates that somebody else wrote.

use keyward_approval::gate::GateShape;
use keyward_approval::gate::export::check;
use keyward_audit::VerifierKey;
use keyward_base::ErrorKind;
use keyward_crypto::Provider;

/// A record that is read writes itself back.
pub fn approval_gate_row(data: &[u8]) {
    match GateShape::parse(data) {
        Ok(row) => {
            assert_eq!(row.to_bytes(), data);
            assert!(row.fence() > 0);
        }
        Err(e) => assert!(matches!(
            e.kind(),
            ErrorKind::Corrupt | ErrorKind::Unavailable
        )),
    }
}

/// Exports, under the key that they name: one that is good is whole, and nothing else is read.
pub fn approval_export(data: &[u8]) {
    let provider = Provider::default();
    let text = std::str::from_utf8(data).unwrap_or("");
    let key = text.split("\"key\":\"").nth(1);
    let key = key.and_then(|rest| VerifierKey::parse(&provider, rest.split('"').next()?).ok());
    let keys = key.map_or_else(Vec::new, |key| vec![key]);
    match check(&provider, &keys, data) {
        Ok(exported) => {
            assert!(exported.entries > 0);
            let end = data.len().saturating_sub(1);
            for cut in [end, data.len() / 2] {
                assert!(check(&provider, &keys, data.get(..cut).unwrap_or(&[])).is_err());
            }
            let more = [data, b"\n"].concat();
            assert!(check(&provider, &keys, more.as_slice()).is_err());
        }
        Err(e) => assert!(matches!(
            e.kind(),
            ErrorKind::Rejected | ErrorKind::Unavailable
        )),
    }
}
