//! Which orders go.

use super::*;

const DAY: Duration = Duration::from_hours(24);

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).expect("a time in range")
}

/// The n-th order ended n days ago and holds 100 bytes.
fn ended(days: u64) -> EndedOrder {
    let id = OrderId::new(1_700_000_000_000 + days, [7; 10]);
    let ago = i64::try_from(days * DAY.as_secs()).unwrap();
    let ended_at = Timestamp::from_second(1_800_000_000 - ago).unwrap();
    EndedOrder { id, seq: EventSeq(days), ended_at, bytes: 100 }
}

fn goes(policy: RetentionPolicy, days: &[u64]) -> Vec<(u64, Limit)> {
    let orders: Vec<_> = days.iter().map(|days| ended(*days)).collect();
    plan(&orders, &policy, now()).iter().map(|expired| (expired.seq.0, expired.why)).collect()
}

#[test]
fn without_a_limit_nothing_goes() {
    assert_eq!(goes(RetentionPolicy::default(), &[1, 1_000, 100_000]), []);
    assert!(RetentionPolicy::default().is_off());
}

#[test]
fn each_limit_takes_the_ones_that_ended_first() {
    let policy = RetentionPolicy::default();
    let age = RetentionPolicy { max_age: Some(7 * DAY), ..policy };
    assert_eq!(goes(age, &[3, 9, 7, 8]), [(9, Limit::Age), (8, Limit::Age)]);
    let orders = RetentionPolicy { max_orders: Some(1), ..policy };
    assert_eq!(goes(orders, &[3, 9, 7]), [(9, Limit::Orders), (7, Limit::Orders)]);
    assert_eq!(goes(RetentionPolicy { max_orders: Some(0), ..policy }, &[3]), [(3, Limit::Orders)]);
    let bytes = RetentionPolicy { max_bytes: Some(250), ..policy };
    assert_eq!(goes(bytes, &[3, 9, 7]), [(9, Limit::Bytes)]);
    assert_eq!(goes(RetentionPolicy { max_bytes: Some(300), ..policy }, &[3, 9, 7]), []);
}

#[test]
fn what_one_limit_takes_counts_for_the_others() {
    let policy = RetentionPolicy { max_age: Some(8 * DAY), max_orders: Some(3), max_bytes: Some(200) };
    assert_eq!(goes(policy, &[1, 2, 3, 9, 4]), [(9, Limit::Age), (4, Limit::Orders), (3, Limit::Bytes)]);
    assert_eq!(goes(policy, &[1, 2, 9]), [(9, Limit::Age)]);
}

#[test]
fn an_end_in_the_future_is_no_age() {
    let mut order = ended(1);
    order.ended_at = now() + DAY;
    assert_eq!(
        plan(&[order], &RetentionPolicy { max_age: Some(Duration::ZERO), ..RetentionPolicy::default() }, now()),
        []
    );
}
