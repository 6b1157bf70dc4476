//! The only crate of keyward that touches ciphers and hashes: providers, the sealed body, MACs and derivation.
