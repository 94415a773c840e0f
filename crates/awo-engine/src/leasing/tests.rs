use awo_state::MockLeases;

use super::*;

const LEASE: Duration = Duration::from_secs(15);

fn leasing() -> Leasing {
    Leasing::new(Arc::new(MockLeases::new()), &"me".into(), 2, LeaseTerms { lease: LEASE, ..LeaseTerms::default() })
}

fn order(number: u64) -> OrderId {
    OrderId::new(1_700_000_000_000 + number, [7; 10])
}

fn held(leasing: &Leasing) -> Vec<OrderId> {
    leasing.grants().iter().map(|grant| grant.order).collect()
}

fn cut_off(leasing: &Leasing, now: Instant) -> Vec<OrderId> {
    let mut late = Vec::new();
    leasing.cut_off(now, |order| late.push(order));
    late
}

#[test]
fn a_lease_is_good_for_two_thirds_of_its_life() {
    let (leasing, start) = (leasing(), Instant::now());
    assert_eq!(leasing.cut_off_at(), None);
    let first = leasing.granted(order(1), start, LEASE);
    let second = leasing.granted(order(2), start + Duration::from_secs(3), LEASE);
    assert_eq!(leasing.cut_off_at(), Some(start + Duration::from_secs(10)));
    assert_eq!(cut_off(&leasing, start + Duration::from_millis(9_999)), []);
    leasing.renewed(first, start + Duration::from_secs(5), LEASE, || {});
    assert_eq!(leasing.cut_off_at(), Some(start + Duration::from_secs(13)));
    assert_eq!(cut_off(&leasing, start + Duration::from_secs(13)), [order(2)]);
    assert_eq!(held(&leasing), [order(1)]);
    leasing.renewed(second, start + Duration::from_secs(14), LEASE, || panic!("it is over"));
    assert!(!leasing.holds(order(2)), "what was given up does not come back with a late answer");
}

#[test]
fn what_is_late_and_of_an_earlier_grant_does_nothing_to_a_later_one() {
    let (leasing, start) = (leasing(), Instant::now());
    let earlier = leasing.granted(order(1), start, LEASE);
    leasing.done(earlier);
    let later = leasing.granted(order(1), start + Duration::from_secs(1), LEASE);
    leasing.lost(earlier, || panic!("another run is stopped"));
    leasing.renewed(earlier, start + Duration::from_secs(5), LEASE, || panic!("another run is told"));
    assert_eq!(leasing.cut_off_at(), Some(start + Duration::from_secs(11)), "nor is it renewed");
    assert_eq!(leasing.grants(), [later]);
    let mut told = false;
    leasing.lost(later, || told = true);
    assert!(told && leasing.grants().is_empty());
}

#[test]
fn an_order_is_not_asked_for_before_everybody_here_is_done_with_it() {
    let (leasing, start) = (leasing(), Instant::now());
    let except = || leasing.wants(1, Vec::new(), start).except;
    let grant = leasing.granted(order(1), start, LEASE);
    assert_eq!(except(), [order(1)]);
    assert_eq!(cut_off(&leasing, start + LEASE), [order(1)]);
    assert_eq!(except(), [order(1)], "its task is not over");
    leasing.done(grant);
    assert_eq!(except(), []);
}

#[test]
fn who_was_cut_off_itself_takes_nothing_over_for_the_life_of_a_lease() {
    let (leasing, start) = (leasing(), Instant::now());
    let takes_over = |after| leasing.wants(1, Vec::new(), start + Duration::from_secs(after)).takes_over;
    leasing.reached(true, start);
    assert!(takes_over(0), "it was never cut off");
    leasing.reached(false, start);
    leasing.reached(false, start + Duration::from_secs(100));
    assert!(!takes_over(100));
    for answered_at in [101, 102, 110] {
        leasing.reached(true, start + Duration::from_secs(answered_at));
    }
    assert!(!takes_over(115), "it counts from the first answer");
    assert!(takes_over(116));
}

#[test]
fn what_was_given_back_unfinished_is_left_to_others_for_a_while() {
    let (leasing, start) = (leasing(), Instant::now());
    leasing.rest(order(1), start);
    let except = |after| leasing.wants(1, vec![order(2)], start + Duration::from_secs(after)).except;
    assert_eq!(except(14), [order(2), order(1)]);
    assert_eq!(except(15), [order(2)]);
}
