//! A store for other people's credentials: typed, sealed, listed by hint, rotated to the end.
