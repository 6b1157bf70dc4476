//! Which schemes there are, and which one a string is of.

pub(crate) mod argon2;
mod aspnet;
mod bcrypt;
mod crypt;
mod digest;
mod django;
mod firebase;
mod keycloak;
mod kratos;
mod ldap;
mod passlib;
mod pbkdf2;
mod phpass;
mod scrypt;
mod spring;
mod werkzeug;

use keyward_crypto::slow::digest::Digest;

use crate::context::Context;
use crate::reason;
use crate::recipe::Recipe;
use crate::stored::NotRead;

macro_rules! schemes {
    ($($(#[$doc:meta])* $name:ident = $label:literal $(| $alias:literal)*,)*) => {
        /// What a stored string is: how it is written, and what is done to the password. The label
        /// ([`Scheme::label`]) names one to [`Stored::read`](crate::Stored::read).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Scheme {
            $($(#[$doc])* $name,)*
        }

        impl Scheme {
            /// All of them, in the order of their labels' families.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The text by which it is named.
            #[must_use]
            pub const fn label(self) -> &'static str {
                match self {
                    $(Self::$name => $label,)*
                }
            }

            /// The label, and the other names that are in use for it.
            #[must_use]
            pub const fn names(self) -> &'static [&'static str] {
                match self {
                    $(Self::$name => &[$label $(, $alias)*],)*
                }
            }

            /// By any of its names. Case, `_` and `-` make no difference.
            #[must_use]
            pub fn from_label(label: &str) -> Option<Self> {
                let plain = |text: &str| -> String {
                    let kept = text.chars().filter(|c| !matches!(c, '_' | '-' | ' '));
                    kept.map(|c| c.to_ascii_lowercase()).collect()
                };
                let wanted = plain(label);
                let mut all = Self::ALL.iter().copied();
                all.find(|scheme| scheme.names().iter().any(|name| plain(name) == wanted))
            }
        }
    };
}

schemes! {
    /// `$argon2id$`, `$argon2i$`, `$argon2d$`; without `v=` of version 0x10.
    Argon2 = "argon2" | "argon2id" | "argon2i" | "argon2d" | "phc-argon2",
    /// ASP.NET Identity, versions 2 and 3.
    AspNet = "aspnet" | "aspnet-identity" | "aspnet-identity-v2" | "aspnet-identity-v3" | "aspnet-v2" | "aspnet-v3" | "asp.net" | "identity-v2" | "identity-v3" | "aspnetcore",
    /// `{PKCS5S2}` of Atlassian.
    Atlassian = "atlassian" | "atlassian-pbkdf2-sha1" | "pkcs5s2",
    /// `$2$`, `$2a$`, `$2b$`, `$2x$`, `$2y$`.
    Bcrypt = "bcrypt",
    /// bcrypt over the hexadecimal MD5 of the password.
    BcryptHexMd5 = "bcrypt-hex-md5" | "bcrypt-md5" | "bcrypt-of-hex-md5" | "md5-bcrypt",
    /// bcrypt over the hexadecimal SHA-1.
    BcryptHexSha1 = "bcrypt-hex-sha1" | "bcrypt-sha1" | "bcrypt-of-hex-sha1" | "sha1-bcrypt",
    /// bcrypt over the hexadecimal SHA-256.
    BcryptHexSha256 = "bcrypt-hex-sha256" | "bcrypt-of-hex-sha256" | "sha256-bcrypt",
    /// bcrypt over the hexadecimal SHA-512, of which it reads 72 digits.
    BcryptHexSha512 = "bcrypt-hex-sha512" | "bcrypt-sha512" | "bcrypt-of-hex-sha512" | "sha512-bcrypt",
    /// `$bcrypt-sha256$` of passlib, versions 1 and 2.
    BcryptSha256 = "bcrypt-sha256" | "passlib-bcrypt-sha256",
    /// Clerk's `pbkdf2_sha256$`, whose salt is base64.
    Clerk = "clerk" | "clerk-pbkdf2-sha256" | "pbkdf2-sha256-clerk",
    /// crypt(3), whichever.
    Crypt = "crypt" | "crypt3" | "crypt(3)" | "unix" | "shadow" | "libxcrypt" | "perl",
    /// bcrypt of Devise, with the pepper of the context.
    Devise = "devise" | "devise-bcrypt",
    /// `devise-argon2`, version 2: the pepper is Argon2's secret.
    DeviseArgon2 = "devise-argon2" | "devise-argon2-v2",
    /// `devise-argon2`, version 1: password, salt of the context and pepper in a row.
    DeviseArgon2V1 = "devise-argon2-v1",
    /// Whichever Django writes.
    Django = "django" | "django-pbkdf2-sha256" | "django-pbkdf2-sha1" | "django-pbkdf2" | "django-bcrypt" | "django-bcrypt-sha256" | "django-argon2" | "django-scrypt" | "django-salted-md5" | "django-salted-sha1" | "django-md5" | "django-sha1" | "django-unsalted-md5" | "django-unsalted-sha1" | "django-disabled",
    /// Drupal 7.
    Drupal = "drupal" | "drupal7" | "drupal-7",
    /// Firebase Authentication's scrypt; the context has the project's keys.
    Firebase = "firebase" | "firebase-scrypt" | "firescrypt",
    /// `{FSHP…}` of passlib.
    Fshp = "fshp",
    /// Hexadecimal MD4 of UTF-16: Windows' NT hash.
    NtHash = "nthash" | "ntlm" | "nt",
    /// Hexadecimal MD5.
    HexMd5 = "hex-md5" | "md5" | "md5-hex" | "raw-md5",
    /// Hexadecimal SHA-1.
    HexSha1 = "hex-sha1" | "sha1" | "sha1-hex" | "raw-sha1",
    /// Hexadecimal SHA-256.
    HexSha256 = "hex-sha256" | "sha256" | "sha256-hex" | "raw-sha256",
    /// Hexadecimal SHA-512.
    HexSha512 = "hex-sha512" | "sha512" | "sha512-hex" | "raw-sha512",
    /// A credential of Keycloak, in JSON.
    Keycloak = "keycloak",
    /// Whichever Ory Kratos imports.
    Kratos = "kratos" | "ory-kratos" | "ory",
    /// RFC 2307: `{SSHA}` and its like, by OpenLDAP and others.
    Ldap = "ldap" | "ldap-salted-sha1" | "ldap-salted-md5" | "ldap-salted-sha256" | "ldap-salted-sha512" | "ldap-sha1" | "ldap-md5" | "ssha" | "ssha256" | "ssha512" | "smd5" | "openldap" | "ldap-crypt",
    /// `$1$` and `$apr1$`.
    Md5Crypt = "md5-crypt" | "apr1" | "apr-md5-crypt" | "htpasswd",
    /// bcrypt over the hexadecimal SHA-256, of Meteor.
    Meteor = "meteor",
    /// `0x0100…` of Microsoft SQL Server 2005.
    MsSql2005 = "mssql2005",
    /// `*` and 40 digits, of MySQL 4.1.
    MySql41 = "mysql41" | "mysql",
    /// `S:` and 60 digits, of Oracle 11.
    Oracle11 = "oracle11",
    /// What passlib writes under whichever of its names.
    Passlib = "passlib",
    /// PBKDF2 in the PHC form or passlib's.
    Pbkdf2 = "pbkdf2" | "pbkdf2-sha1" | "pbkdf2-sha256" | "pbkdf2-sha512" | "passlib-pbkdf2-sha256" | "passlib-pbkdf2-sha512" | "pbkdf2-phc" | "grub-pbkdf2-sha512" | "cta-pbkdf2-sha1" | "dlitz-pbkdf2-sha1",
    /// PHP's `password_hash` and Laravel.
    Php = "php" | "laravel" | "php-password-hash",
    /// `$P$` and `$H$` of phpass: WordPress before 6.8, phpBB.
    Phpass = "phpass" | "phpbb" | "phpbb3",
    /// `md5…` of PostgreSQL; the context has the role's name.
    PostgresMd5 = "postgres-md5" | "postgresql-md5",
    /// scrypt: `$scrypt$` and `$7$`.
    Scrypt = "scrypt" | "passlib-scrypt" | "scrypt-phc",
    /// `$sha1$` of NetBSD.
    Sha1Crypt = "sha1-crypt",
    /// `$5$`.
    Sha256Crypt = "sha256-crypt",
    /// `$6$`.
    Sha512Crypt = "sha512-crypt",
    /// `{id}` and what follows, of Spring Security.
    Spring = "spring" | "spring-security",
    /// Werkzeug and Flask.
    Werkzeug = "werkzeug" | "flask" | "werkzeug-scrypt" | "werkzeug-pbkdf2" | "werkzeug-legacy",
    /// Whichever WordPress has.
    WordPress = "wordpress" | "wp" | "wordpress-bcrypt",
    /// `$y$`.
    Yescrypt = "yescrypt",
}

pub(crate) type Read = Result<(Scheme, Recipe), NotRead>;

/// A recipe under its scheme, or not whole.
pub(crate) fn of(scheme: Scheme, recipe: Option<Recipe>) -> Read {
    let recipe = recipe.ok_or(NotRead::MALFORMED)?;
    Ok((scheme, recipe))
}

/// Reads `text` as the label says, and by itself where the label's own forms do not fit it.
pub(crate) fn read(label: Option<Scheme>, text: &str, context: &Context) -> Read {
    let own = match label {
        Some(label) => by_label(label, text, context),
        None => None,
    };
    own.unwrap_or_else(|| by_itself(text, context))
}

/// What only a label can say.
fn by_label(label: Scheme, text: &str, context: &Context) -> Option<Read> {
    let onion = |digest| Some(bcrypt::onion(label, digest, text));
    match label {
        Scheme::AspNet => Some(of(label, aspnet::parse(text))),
        Scheme::BcryptHexMd5 => onion(Digest::Md5),
        Scheme::BcryptHexSha1 => onion(Digest::Sha1),
        Scheme::BcryptHexSha256 | Scheme::Meteor => onion(Digest::Sha256),
        Scheme::BcryptHexSha512 => onion(Digest::Sha512),
        Scheme::Clerk => django::clerk(text),
        Scheme::Crypt | Scheme::Php => bcrypt::c_string(label, text),
        Scheme::Devise => Some(bcrypt::devise(text, context)),
        Scheme::DeviseArgon2 => Some(argon2::devise(text, context)),
        Scheme::DeviseArgon2V1 => Some(argon2::devise_v1(text, context)),
        Scheme::Django => django::labelled(text),
        Scheme::Firebase => Some(firebase::parse(text, context)),
        Scheme::HexMd5 => Some(of(label, digest::hex(Digest::Md5, text))),
        Scheme::HexSha1 => Some(of(label, digest::hex(Digest::Sha1, text))),
        Scheme::HexSha256 => Some(of(label, digest::hex(Digest::Sha256, text))),
        Scheme::HexSha512 => Some(of(label, digest::hex(Digest::Sha512, text))),
        Scheme::Kratos => kratos::parse(text),
        Scheme::Ldap => ldap::parse(text, context),
        Scheme::MsSql2005 => Some(of(label, passlib::mssql2005(text))),
        Scheme::NtHash => Some(of(label, passlib::nt_hash(text))),
        Scheme::PostgresMd5 => Some(passlib::postgres(text, context)),
        Scheme::Spring => Some(spring::parse(text, context)),
        Scheme::Werkzeug => werkzeug::labelled(text),
        Scheme::WordPress => phpass::wordpress(text),
        _ => None,
    }
}

/// What the string says of itself.
fn by_itself(text: &str, context: &Context) -> Read {
    // `!` and `*` before a hash or alone: crypt(3)'s and Django's way to lock an account.
    let is_locked = text.starts_with('!') || text.strip_prefix('*').is_some_and(|r| r.len() < 2);
    if is_locked {
        return Err(NotRead::refused(reason::LOCKED));
    }
    let known = argon2::parse(text, context)
        .or_else(|| bcrypt::parse(text))
        .or_else(|| crypt::parse(text))
        .or_else(|| pbkdf2::parse(text))
        .or_else(|| scrypt::parse(text))
        .or_else(|| phpass::parse(text))
        .or_else(|| kratos::parse(text))
        .or_else(|| passlib::parse(text))
        .or_else(|| django::parse(text))
        .or_else(|| werkzeug::parse(text))
        .or_else(|| keycloak::parse(text))
        .or_else(|| braces(text, context));
    if let Some(read) = known {
        return read;
    }
    if firebase::is_meant(context) {
        return firebase::parse(text, context);
    }
    if let Some(recipe) = aspnet::parse(text) {
        return Ok((Scheme::AspNet, recipe));
    }
    let bare = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if bare && matches!(text.len(), 32 | 40 | 56 | 64 | 96 | 128) {
        return Err(NotRead::refused(reason::AMBIGUOUS));
    }
    Err(NotRead::unsupported(reason::UNKNOWN_SCHEME))
}

/// `{id}`: LDAP's ids or Spring's, which can be told apart but for those of plain text.
fn braces(text: &str, context: &Context) -> Option<Read> {
    if !text.starts_with('{') {
        return None;
    }
    spring::own(text, context)
        .or_else(|| ldap::parse(text, context))
        .or(Some(Err(NotRead::unsupported(reason::UNKNOWN_SCHEME))))
}

/// `{id}rest`, the id in upper case.
pub(crate) fn id(text: &str) -> Option<(String, &str)> {
    let (id, rest) = text.strip_prefix('{')?.split_once('}')?;
    Some((id.to_ascii_uppercase(), rest))
}
