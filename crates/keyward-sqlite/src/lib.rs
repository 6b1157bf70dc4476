//! The stores of keyward on SQLite, the embedded default.
