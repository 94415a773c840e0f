//! What `/metrics` tells.

use crate::setting::{Setting, completed};

#[test]
fn saves_orders_and_the_state_of_the_store_are_counted() {
    let setting = Setting::new();
    let server = setting.program.serve();
    let id = setting.create(&server);
    completed(&server, &id);
    let answer = server.get("/metrics");
    assert_eq!(answer.status, 200);
    for line in [
        "awo_saves_total{outcome=\"stored\"} 8",
        "awo_save_duration_seconds_count 8",
        "awo_orders_claimed_total{after=\"waiting\"} 1",
        "awo_orders_ended_total{status=\"completed\"} 1",
        "awo_orders_degraded 0",
        "awo_results_unsaved 0",
    ] {
        assert!(answer.text.lines().any(|told| told == line), "{line}:\n{}", answer.text);
    }
}
