//! The strings inside a value that is JSON, but for the public fields of known key files.

use keyward_base::SecretBytes;
use serde::de::IgnoredAny;

/// A key file that is known by its fields, and which of them are public: by their names, at any
/// depth.
struct Known {
    by: &'static [&'static str],
    public: &'static [&'static str],
}

/// The first that fits holds. A field that is not listed is masked.
const KNOWN: [Known; 9] = [
    // https://cloud.google.com/iam/docs/keys-create-delete: a service account.
    Known {
        by: &["type", "private_key", "client_email"],
        public: &[
            "type",
            "project_id",
            "private_key_id",
            "client_email",
            "client_id",
            "auth_uri",
            "token_uri",
            "auth_provider_x509_cert_url",
            "client_x509_cert_url",
            "universe_domain",
        ],
    },
    // https://developers.google.com/identity/protocols/oauth2: an OAuth client.
    Known {
        by: &["client_secret", "auth_uri", "token_uri"],
        public: &[
            "client_id",
            "project_id",
            "auth_uri",
            "token_uri",
            "auth_provider_x509_cert_url",
            "redirect_uris",
            "javascript_origins",
        ],
    },
    // https://cloud.google.com/docs/authentication/application-default-credentials: a user.
    Known {
        by: &["type", "client_secret", "refresh_token"],
        public: &[
            "type",
            "account",
            "client_id",
            "quota_project_id",
            "universe_domain",
        ],
    },
    // https://google.aip.dev/auth/4117: workload identity.
    Known {
        by: &["type", "audience", "subject_token_type", "token_url"],
        public: &[
            "type",
            "audience",
            "subject_token_type",
            "token_url",
            "token_info_url",
            "service_account_impersonation_url",
            "universe_domain",
        ],
    },
    // RFC 6749 section 5.1: a token response.
    Known {
        by: &["access_token", "token_type"],
        public: &["token_type", "scope"],
    },
    // https://docs.aws.amazon.com/STS/latest/APIReference/API_Credentials.html
    Known {
        by: &["AccessKeyId", "SecretAccessKey"],
        public: &["Expiration", "Arn", "AssumedRoleId", "Type", "Code"],
    },
    // https://learn.microsoft.com/azure/developer/github/connect-from-azure-secret
    Known {
        by: &["clientId", "clientSecret", "tenantId"],
        public: &[
            "clientId",
            "subscriptionId",
            "tenantId",
            "activeDirectoryEndpointUrl",
            "resourceManagerEndpointUrl",
            "activeDirectoryGraphResourceId",
            "sqlManagementEndpointUrl",
            "galleryEndpointUrl",
            "managementEndpointUrl",
        ],
    },
    // https://learn.microsoft.com/cli/azure/ad/sp: what `az ad sp create-for-rbac` prints.
    Known {
        by: &["appId", "password", "tenant"],
        public: &["appId", "displayName", "tenant"],
    },
    // RFC 7517 and RFC 7518: a JSON Web Key.
    Known {
        by: &["kty"],
        public: &[
            "kty", "use", "key_ops", "alg", "kid", "crv", "x", "y", "n", "e", "x5u", "x5c", "x5t",
            "x5t#S256",
        ],
    },
];

/// The strings of `value` that may be secret, decoded; none if it is not a JSON object, array or
/// string.
pub(super) fn strings(value: &[u8]) -> Option<Vec<SecretBytes>> {
    if !matches!(value.first(), Some(b'{' | b'[' | b'"')) {
        return None;
    }
    serde_json::from_slice::<IgnoredAny>(value).ok()?;
    let found = scan(value);
    let has = |name: &&str| {
        let mut names = found.iter().filter_map(|(name, _)| *name);
        names.any(|found| found == name.as_bytes())
    };
    let known = KNOWN.iter().find(|known| known.by.iter().all(has));
    let public = known.map_or(&[][..], |known| known.public);
    let is_public = |name: &[u8]| public.iter().any(|public| public.as_bytes() == name);
    let secret = found.into_iter().filter_map(|(name, string)| match name {
        Some(name) if is_public(name) => None,
        _ => string,
    });
    Some(secret.map(decode).collect())
}

/// The name of a member, and a string.
type Found<'a> = (Option<&'a [u8]>, Option<&'a [u8]>);

/// The strings of valid JSON between their quotes, each with the name of the member that it is, or
/// that the array is which it stands in. A name alone says that a member is no string.
fn scan(value: &[u8]) -> Vec<Found<'_>> {
    let mut found = Vec::new();
    let mut name = None;
    let mut at = 0_usize;
    while let Some(byte) = value.get(at) {
        at = at.saturating_add(1);
        match byte {
            b'"' => {}
            b'}' => {
                name = None;
                continue;
            }
            _ => continue,
        }
        let start = at;
        while let Some(byte) = value.get(at).filter(|b| **b != b'"') {
            at = at.saturating_add(if *byte == b'\\' { 2 } else { 1 });
        }
        let string = value.get(start..at).unwrap_or_default();
        at = at.saturating_add(1);
        let behind = value.get(at..).unwrap_or_default().trim_ascii_start();
        if behind.first() == Some(&b':') {
            name = Some(string);
            found.push((name, None));
        } else {
            found.push((name, Some(string)));
        }
    }
    found
}

/// What the inside of a string of valid JSON stands for.
fn decode(string: &[u8]) -> SecretBytes {
    let mut out = SecretBytes::new(Vec::with_capacity(string.len()));
    let mut rest = string;
    while let Some((byte, behind)) = rest.split_first() {
        rest = behind;
        if *byte != b'\\' {
            out.push(&[*byte]);
            continue;
        }
        let Some((kind, behind)) = rest.split_first() else {
            break;
        };
        rest = behind;
        match kind {
            b'b' => out.push(b"\x08"),
            b'f' => out.push(b"\x0c"),
            b'n' => out.push(b"\n"),
            b'r' => out.push(b"\r"),
            b't' => out.push(b"\t"),
            b'u' => {
                let (first, behind) = unit(rest);
                rest = behind;
                let second = rest.strip_prefix(b"\\u").map(unit);
                let pair = second.and_then(|(second, behind)| {
                    let mut pair = char::decode_utf16([first, second]);
                    pair.next()?
                        .ok()
                        .filter(|c| c.len_utf16() == 2)
                        .map(|c| (c, behind))
                });
                let c = match pair {
                    Some((c, behind)) => {
                        rest = behind;
                        c
                    }
                    None => char::from_u32(u32::from(first)).unwrap_or(char::REPLACEMENT_CHARACTER),
                };
                out.push(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
            other => out.push(&[*other]),
        }
    }
    out
}

/// The number in the next four digits, and what follows.
fn unit(text: &[u8]) -> (u16, &[u8]) {
    let (digits, rest) = text.split_at_checked(4).unwrap_or((text, &[]));
    let number = digits.iter().fold(0_u16, |number, digit| {
        let digit = char::from(*digit).to_digit(16).unwrap_or_default();
        number << 4 | u16::try_from(digit).unwrap_or_default()
    });
    (number, rest)
}
