//! What is kept beside journals.

use super::*;

#[test]
fn what_is_kept_aside_replaces_nothing_that_was_kept_before() {
    let dir = scratch();
    let journal = dir.path().join("order.awoj");
    let keep = |n: u32| journal::keep_aside(&RealDisk, &journal, "torn", n.to_string().as_bytes());
    for n in 1..=1_000 {
        assert_eq!(keep(n).unwrap(), dir.path().join(format!("order.awoj.torn-{n}")));
    }
    assert_eq!(keep(1_001).unwrap_err().kind(), io::ErrorKind::AlreadyExists, "more is no accident");
    for n in [1, 2, 1_000] {
        let kept = std::fs::read_to_string(dir.path().join(format!("order.awoj.torn-{n}"))).unwrap();
        assert_eq!(kept, n.to_string());
    }
    let missing = dir.path().join("missing/order.awoj");
    assert_eq!(
        journal::keep_aside(&RealDisk, &missing, "torn", b"1").unwrap_err().kind(),
        io::ErrorKind::NotFound,
        "said at once"
    );
}
