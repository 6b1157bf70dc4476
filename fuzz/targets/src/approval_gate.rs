//! Records of gates that somebody else wrote.

use keyward_approval::gate::GateShape;
use keyward_base::ErrorKind;

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
