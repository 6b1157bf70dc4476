//! Security primitives that keep what a trust page promises: the facade of the keyward crates.
