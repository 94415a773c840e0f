//! The pure parts of the page: what they make of values, in the browser that they are for.

use serde_json::{Value, json};

use super::browser;
use crate::setting::program;

/// What a function of a file gives.
fn cases() -> Vec<(&'static str, &'static str, Value, Value)> {
    let at = |name, function, arguments: Value, given: Value| (name, function, arguments, given);
    vec![
        at("format.js", "duration", json!([0.04]), json!("0.0 s")),
        at("format.js", "duration", json!([9.96]), json!("10 s")),
        at("format.js", "duration", json!([134.2]), json!("2 m 14 s")),
        at("format.js", "duration", json!([3599.7]), json!("1 h 00 m")),
        at("format.js", "duration", json!([187_200]), json!("2 d 4 h")),
        at("format.js", "duration", json!([null]), json!("")),
        at("format.js", "elapsed", json!([3734.9]), json!("1:02:14")),
        at("format.js", "elapsed", json!([-3]), json!("0:00")),
        at("format.js", "age", json!([59]), json!("now")),
        at("format.js", "age", json!([7200]), json!("2 h")),
        at("format.js", "cost", json!([null]), json!("")),
        at("format.js", "cost", json!([0]), json!("$0.00")),
        at("format.js", "cost", json!([0.004]), json!("< $0.01")),
        at("format.js", "short", json!([41_300]), json!("41k")),
        at("format.js", "counted", json!([1, "step"]), json!("1 step")),
        at("format.js", "counted", json!([10_000, "order"]), json!("10,000 orders")),
        at("format.js", "usageLine", json!([null]), json!("")),
        at("format.js", "usageLine", json!([{"tokens": null, "turns": 1, "cost_usd": 0.5}]), json!("1 turn · $0.50")),
        at("text.js", "visible", json!(["a\r\nb\tc\u{1b}[0m"]), json!("a\nb\tc␛[0m")),
        at("text.js", "visible", json!(["\u{2066}x\u{2069}\u{feff}"]), json!("⟨U+2066⟩x⟨U+2069⟩⟨U+FEFF⟩")),
        at("text.js", "visible", json!(["\u{e0041}👩\u{200d}💻"]), json!("⟨U+E0041⟩👩\u{200d}💻")),
        at("text.js", "visible", json!(["\u{3164}\u{115f}\u{e0101}"]), json!("⟨U+3164⟩⟨U+115F⟩⟨U+E0101⟩")),
        at(
            "text.js",
            "visible",
            json!(["e\u{301}\u{301}\u{301}\u{301}\u{301}x"]),
            json!("e\u{301}\u{301}\u{301}\u{301}⟨U+0301⟩x"),
        ),
        at("text.js", "firstLine", json!(["\n  \r  one \ntwo"]), json!("one")),
        at("text.js", "firstLine", json!([null]), json!("")),
        at("text.js", "shorten", json!(["👍👍👍👍", 3]), json!("👍👍…")),
        at("text.js", "shortRepository", json!(["https://github.com/octo/hello.git"]), json!("octo/hello")),
        at("text.js", "shortRepository", json!(["git@host:octo/hello"]), json!("octo/hello")),
        at("text.js", "safeLink", json!(["javascript:alert(1)"]), Value::Null),
        at("text.js", "safeLink", json!(["data:text/html,x"]), Value::Null),
        at("text.js", "safeLink", json!(["/relative"]), Value::Null),
        at("text.js", "safeLink", json!([{"toString": 1}]), Value::Null),
        at("text.js", "safeLink", json!(["https://github.com/o/r/pull/1"]), json!("https://github.com/o/r/pull/1")),
        at("pause.js", "backoff", json!([1, 1]), json!(500)),
        at("pause.js", "backoff", json!([50, 0]), json!(5000)),
        at("pause.js", "beforeTry", json!([1, 7, 1]), json!(7000)),
        at("pause.js", "beforeTry", json!([1, null, 1]), json!(500)),
        at("body.js", "number", json!(["1e3"]), json!(1000)),
        at("body.js", "number", json!(["many"]), json!("many")),
        at(
            "body.js",
            "bodyOf",
            json!([[["a", ""], ["b", []], ["limits.order.max_turns", 3], ["limits.max_turns", 2], ["start", false]]]),
            json!({"limits": {"order": {"max_turns": 3}, "max_turns": 2}, "start": false}),
        ),
        at("status.js", "tabTitle", json!([order("running", Some("plan")), "Do it"]), json!("1/7 plan · Do it")),
        at("status.js", "tabTitle", json!([order("completed", None), "Do it"]), json!("● Do it")),
        at(
            "status.js",
            "allowed",
            json!([order("failed", None)]),
            json!({"start": false, "cancel": false, "retry": true, "prompt": true, "remove": true}),
        ),
        at(
            "status.js",
            "allowed",
            json!([order("completed", None)]),
            json!({"start": false, "cancel": false, "retry": false, "prompt": true, "remove": true}),
        ),
        at("timeline.js", "leadsOn", json!([failed(0), "plan"]), json!(true)),
        at("timeline.js", "leadsOn", json!([failed(0), "commit"]), json!(true)),
        at("timeline.js", "leadsOn", json!([failed(0), "create_pr"]), json!(false)),
        at("timeline.js", "leadsOn", json!([failed(0), "review"]), json!(false)),
        at("timeline.js", "leadsOn", json!([all_done(0), "plan"]), json!(false)),
        at("timeline.js", "leadsOn", json!([all_done(1), "plan"]), json!(true)),
        at("timeline.js", "canGoOn", json!([failed(0)]), json!(true)),
        at("timeline.js", "canGoOn", json!([all_done(0)]), json!(false)),
        at("timeline.js", "canGoOn", json!([all_done(1)]), json!(true)),
        at("route.js", "ordersBefore", json!([1_700_000_000_000_u64]), json!("wo-018bcfe5680070008000000000000000")),
        at("figures-failures.js", "endOf", json!(["2026-01-02"]), json!(1_767_398_400_000_u64)),
        at("figures-failures.js", "failureClasses", json!([stats(), 3, 1_767_398_399_000_u64]), classes()),
        at(
            "timeline.js",
            "rows",
            json!([history()]),
            json!([
                {"key": "plan", "kind": "running", "step": "plan", "current": {"step": "plan"},
                 "earlier": [{"number": 2, "result": result("plan", false, true)}, {"number": 1, "result": result("plan", true, true)}]},
                {"key": "commit", "kind": "todo", "step": "commit", "earlier": [{"number": 3, "result": result("commit", true, true)}]},
                {"key": "create_pr", "kind": "todo", "step": "create_pr", "earlier": []},
            ]),
        ),
    ]
}

fn order(status: &str, step: Option<&str>) -> Value {
    let current = step.map(|step| json!({"step": step}));
    json!({"status": status, "current_step": current, "steps_completed": 1, "total_steps": 7, "cancel_requested": false,
           "finishing": false, "waiting_for": null})
}

fn result(step: &str, success: bool, superseded: bool) -> Value {
    json!({"step": step, "success": success, "superseded": superseded})
}

fn failed(prompts: usize) -> Value {
    json!({"workflow": ["plan", "commit", "create_pr"], "queued_prompts": prompts,
           "steps": [result("plan", true, false), result("commit", false, false)]})
}

fn all_done(prompts: usize) -> Value {
    json!({"workflow": ["plan"], "queued_prompts": prompts, "steps": [result("plan", true, false)]})
}

fn stats() -> Value {
    let attempt = |id: &str, code: Option<&str>, at: &str| json!({"agent_work_order_id": id, "error_code": code, "success": code.is_none(), "timestamp": at});
    json!({
        "days": [
            {"date": "2025-12-30", "failures": {"a": 1}},
            {"date": "2026-01-01", "failures": {}},
            {"date": "2026-01-02", "failures": {"a": 1, "b": 3}},
        ],
        "groups": [
            {"recent": [attempt("one", Some("b"), "2026-01-02T01:00:00Z"), attempt("no", None, "2026-01-02T01:00:00Z")]},
            {"recent": [attempt("two", Some("b"), "2026-01-02T02:00:00Z"), attempt("two", Some("b"), "2026-01-02T00:00:00Z")]},
        ],
    })
}

fn classes() -> Value {
    let days = |counts: [u32; 3]| {
        let dates = ["2025-12-31", "2026-01-01", "2026-01-02"];
        dates.iter().zip(counts).map(|(date, count)| json!({"date": date, "count": count})).collect::<Vec<_>>()
    };
    json!([
        {"code": "b", "count": 3, "perDay": days([0, 0, 3]), "orders": ["two", "one"]},
        {"code": "a", "count": 2, "perDay": days([1, 0, 1]), "orders": []},
    ])
}

fn history() -> Value {
    json!({
        "workflow": ["plan", "commit", "create_pr"],
        "current_step": {"step": "plan"},
        "steps": [result("plan", true, true), result("plan", false, true), result("commit", true, true)],
    })
}

#[test]
fn the_pure_parts_of_the_page_do_what_they_say() {
    let Some(browser) = browser() else { return };
    let server = program().serve();
    browser.open(server.address());
    for (file, function, arguments, given) in cases() {
        let called = browser.run_with(
            "const [file, name, values] = given; return ((await import(`/page/${file}`))[name](...values)) ?? null",
            &json!([file, function, arguments]),
        );
        assert_eq!(called, given, "{function} of {arguments}");
    }
    // Messages are read whatever pieces they come in.
    let stream = "id: 7\r\nevent: ended\r\ndata: {\"a\":\ndata: 1}\n\n: alive\n\nevent: lonely\n\ndata: x\n\ndata: cut";
    let read = "
        const { eventReader } = await import('/page/sse.js');
        const all = [];
        for (let size = 1; size < 20; size += 1) {
            const messages = [];
            const feed = eventReader(message => messages.push(message));
            for (let at = 0; at < given[0].length; at += size) feed(given[0].slice(at, at + size));
            all.push(JSON.stringify(messages));
        }
        return [...new Set(all)]";
    let messages = browser.run_with(read, &json!([stream]));
    assert_eq!(messages.as_array().unwrap().len(), 1, "{messages}");
    let first: Value = serde_json::from_str(messages[0].as_str().unwrap()).unwrap();
    assert_eq!(
        first,
        json!([{"id": "7", "event": "ended", "data": "{\"a\":\n1}"}, {"id": null, "event": "message", "data": "x"}])
    );
}
