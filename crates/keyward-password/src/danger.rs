//! What a hurried person should not find first.

use keyward_base::Tenant;

use crate::password::Password;
use crate::passwords::Passwords;
use crate::people::NewPassword;
use crate::pool::Answer;

/// Hashes a password that nobody judged: one that a program made, or that is taken over from
/// elsewhere. Short, guessable and breached ones are taken as they are.
///
/// # Errors
/// As [`Passwords::hash`].
pub fn hash_unjudged(passwords: &Passwords, tenant: &Tenant, password: Password) -> Answer<String> {
    passwords.hash_any(tenant, password)
}

/// Takes a password for judged that the application judged by rules of its own.
pub fn judged_elsewhere(password: Password) -> NewPassword {
    NewPassword::of(password, false)
}
