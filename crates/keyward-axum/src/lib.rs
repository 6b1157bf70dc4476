//! axum layers and extractors of keyward: security headers, same-origin check, fixed error bodies.
