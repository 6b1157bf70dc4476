//! Futures behind a pointer, so that a trait with an async method can be a trait object.

use std::pin::Pin;

/// A future that any runtime can drive.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
