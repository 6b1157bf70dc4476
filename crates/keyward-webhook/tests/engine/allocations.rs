//! Once secrets are loaded, a check allocates nothing.

use allocation_counter::measure;

use crate::kit::Kit;

#[test]
fn a_check_allocates_nothing() {
    assert_eq!(
        measure(|| drop(std::hint::black_box(vec![1_u8]))).count_total,
        1
    );
    for kit in Kit::all() {
        for number in [1, 2] {
            let request = kit.request_of(number, &[b'x'; 1024]);
            let map = request.map();
            let check = || {
                let received = kit.hook.receive(&map, request.now()).unwrap();
                let hook = received.verify(&kit.secrets, &request.body).unwrap();
                assert!(!hook.key().is_empty());
            };
            check();
            assert_eq!(measure(check).count_total, 0, "{}", kit.name());
        }
    }
}
