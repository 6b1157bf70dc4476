//! What a browser says of passkeys.

use keyward_crypto::foreign::{Algorithm, ForeignKey};

/// A public key is read in one form, and is what it was read from.
pub fn passkey_spki(data: &[u8]) {
    let Ok(key) = ForeignKey::from_spki(data) else {
        return;
    };
    assert_eq!(key.spki(), data);
    let (frame, lengths) = match key.algorithm() {
        Algorithm::Es256 => (27, 91..=91),
        _ => (0, 294..=550),
    };
    assert!(lengths.contains(&data.len()));
    // Nobody has signed what nobody signed.
    assert!(key.verify(data, &data[frame..]).is_err());
    assert!(key.verify(data, &[0; 256]).is_err());
    // A byte more, or one less, is no key.
    assert!(ForeignKey::from_spki(&[data, &[0]].concat()).is_err());
    assert!(ForeignKey::from_spki(&data[..data.len() - 1]).is_err());
}
