//! The key-management core: keyring, roots, rotation, tenant keys and caches.
