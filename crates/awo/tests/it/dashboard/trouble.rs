//! What went wrong is said where somebody looks for it.

use awo_models::Timestamp;
use serde_json::json;

use super::{browser, is_clean, open_order, step_is, timeline};
use crate::setting::{STEPS, Setting, completed, create, ended, order, text};
use crate::state_tools::{damage, journal};

#[test]
fn a_damaged_order_says_so_and_the_list_names_it() {
    let Some(browser) = browser() else { return };
    let setting = Setting::new();
    let mut server = setting.program.serve();
    let [id, sound] = [setting.create(&server), setting.create(&server)];
    completed(&server, &id);
    let address = server.address().to_owned();
    server.kill();
    damage(&journal(&setting, &id), 4);
    let server = setting.program.serve_again(&address);
    let answer = server.get(&format!("/agent-work-orders/{id}"));
    assert_eq!(answer.status, 500);
    let detail = answer.json()["detail"].as_str().unwrap().to_owned();

    browser.open(&format!("{address}/?order={id}"));
    let said = format!("document.querySelector('article > .trouble:not([hidden])')?.textContent === {}", json!(detail));
    browser.until("the order says it", &said);
    browser.open(&address);
    browser.until_shown("Damaged orders are left out");
    assert!(browser.text().contains(&id));
    browser.until("the other is there", &format!("document.querySelector('[data-order={}]') !== null", json!(sound)));
    is_clean(&browser);
}

/// Answers with a problem instead of the server, as long as `window.refused` has its status.
const REFUSED: &str = "
    const ask = window.fetch;
    window.asked = 0;
    window.refused = given[0];
    window.fetch = (path, options) => {
        if (options?.method !== 'POST' || !window.refused) return ask(path, options);
        window.asked += 1;
        const body = JSON.stringify({ detail: 'not now, says the test' });
        return Promise.resolve(new Response(body, { status: window.refused }));
    }";

#[test]
fn what_a_key_could_not_do_stands_in_the_view() {
    let Some(browser) = browser() else { return };
    let setting = Setting::new();
    let server = setting.program.serve();
    let mut held = setting.body();
    held["start"] = false.into();
    let id = create(&server, &held);
    let cancels = || {
        browser.run_with(REFUSED, &json!([409]));
        browser.press("c");
        browser.click("dialog.question button[value=yes]");
        let said = "[...document.querySelectorAll('.trouble:not([hidden])')].map(it => it.textContent).join()";
        browser.until("it is said", &format!("{said} === 'not now, says the test'"));
    };
    browser.open(server.address());
    browser.until("it is there", "document.querySelector('[data-order]') !== null");
    browser.press("j");
    cancels();
    open_order(&browser, &server, &id);
    browser.until("it can be cancelled", "!document.querySelector('.actions button:nth-of-type(4)').hidden");
    cancels();
    assert_eq!(browser.run("return window.asked"), 1);
    is_clean(&browser);
}

#[test]
fn earlier_lines_of_the_log_come_once_and_only_to_those_they_belong_to() {
    let Some(browser) = browser() else { return };
    let setting = Setting::new();
    let server = setting.program.serve();
    let mut held = setting.body();
    held["start"] = false.into();
    let id = create(&server, &held);
    open_order(&browser, &server, &id);
    // A long log, whose pages come when the test says so.
    browser.run(
        "const ask = window.fetch;
        const line = (number, level) => ({ number, level, event: `${level || 'all'} ${number}`, timestamp: '2026-01-01T00:00:00Z' });
        window.waiting = [];
        window.fetch = async (path, options) => {
            if (!path.includes('/logs?')) return ask(path, options);
            const asked = new URLSearchParams(path.split('?')[1]);
            const [offset, limit, level] = [Number(asked.get('offset')), Number(asked.get('limit')), asked.get('level') ?? ''];
            if (window.holds) await new Promise(go => window.waiting.push(go));
            options.signal.throwIfAborted();
            const page = Array.from({ length: limit }, (_, index) => line(offset + index + 1, level));
            return new Response(JSON.stringify({ total: 650, log_entries: page }));
        }",
    );
    browser.click(".log > summary");
    browser.until_shown("450 earlier lines");
    let events = "[...document.querySelectorAll('.log-lines .event')].map(it => it.textContent)";
    browser.run(
        "window.holds = true;
        const earlier = document.querySelector('.log > button');
        earlier.click();
        earlier.click()",
    );
    assert_eq!(browser.run("return window.waiting.length"), 1);
    browser.run("window.waiting.shift()()");
    browser.until_shown("250 earlier lines");
    assert_eq!(browser.run(&format!("return [{events}.length, new Set({events}).size]")), json!([400, 400]));

    browser.run("document.querySelector('.log > button').click(); window.holds = false");
    browser.run(
        "const level = document.getElementById('log-level');
        level.value = 'error'; level.dispatchEvent(new Event('input', { bubbles: true }))",
    );
    browser.until("only errors are there", &format!("{events}.length === 200 && {events}[0] === 'error 451'"));
    browser.run("window.waiting.shift()(); return new Promise(done => setTimeout(done))");
    assert_eq!(browser.run(&format!("return {events}.every(it => it.startsWith('error'))")), true);
    is_clean(&browser);
}

#[test]
fn a_store_that_does_not_take_saves_is_said_once_and_no_more_when_it_does() {
    let Some(browser) = browser() else { return };
    let setting = Setting::new();
    setting.agent.hold("planner");
    setting.agent.hold("implementor");
    let server = setting.program.serve();
    let id = setting.create(&server);
    open_order(&browser, &server, &id);
    browser.until("plan is at work", &step_is("plan", "running"));
    let [orders, away] = ["orders", "away"].map(|name| setting.program.data_dir().join(name));
    std::fs::rename(&orders, &away).unwrap();
    std::fs::write(&orders, "in the way").unwrap();
    setting.agent.release("planner");
    setting.at_work("implementor", 1);
    let notes = "[...document.querySelectorAll('.notes .note')].map(it => it.textContent)";
    browser.until(
        "it is said, with what is missing",
        &format!("{notes}.filter(it => it.includes('store does not take') && it.includes('3 finished steps cannot be shown')).length === 1"),
    );
    assert_eq!(timeline(&browser)[..2], ["done classify", "running plan"], "what is stored");
    browser.open(&format!("{}/?view=figures", server.address()));
    browser.until_shown("does not take the saves of 1 order");

    open_order(&browser, &server, &id);
    std::fs::remove_file(&orders).unwrap();
    std::fs::rename(&away, &orders).unwrap();
    browser.until("implement is shown at work", &step_is("implement", "running"));
    browser.until("nothing is said any more", &format!("{notes}.length === 0"));
    setting.agent.release("implementor");
    completed(&server, &id);
    browser.until("it has ended", "document.title.startsWith('● ')");
    assert_eq!(timeline(&browser), STEPS.map(|step| format!("done {step}")));
    is_clean(&browser);
}

#[test]
fn an_order_that_waits_says_for_what_and_until_when() {
    let Some(browser) = browser() else { return };
    let setting = Setting::new();
    setting.agent.hold("planner");
    let server = setting.program.serve();
    let id = setting.create(&server);
    let created: Timestamp = text(&order(&server, &id)["created_at"]).parse().unwrap();
    setting.agent.limit("planner", Some(created.as_second() + 2 * 3600));
    setting.agent.release("planner");
    open_order(&browser, &server, &id);
    browser.until_shown("Waits: the rate limit of claude, in step `plan`. It goes on by itself, about ");
    browser.until("so does the tab", "document.title.startsWith('1/7 waiting · ')");
    browser.open(server.address());
    browser.until("and the list", "document.querySelector('.orders .word')?.textContent === 'waiting'");
    open_order(&browser, &server, &id);
    setting.agent.lift("planner");
    browser.until_shown("Cancel…"); // a key does what a button would
    browser.press("c");
    browser.click("dialog.question button[value=yes]");
    browser.until("it is cancelled at once", "document.title.startsWith('⊘ ')");
    assert_eq!(ended(&server, &id)["status"], "cancelled");
    browser.press("r");
    browser.until("and goes on when it is tried again", "document.title.startsWith('● ')");
    assert_eq!(order(&server, &id)["status"], "completed");
    is_clean(&browser);
}

#[test]
fn a_cancelled_order_of_which_nothing_is_left_is_not_offered_again() {
    let Some(browser) = browser() else { return };
    let setting = Setting::new();
    let server = setting.program.serve();
    let id = setting.create(&server);
    completed(&server, &id);
    let shown = "[...document.querySelectorAll('.actions button:not([hidden])')].map(it => it.textContent)";
    // As if its cancel had come when its last step was done already; then, as if a prompt waited in it.
    for (prompts, offered) in [(0, false), (1, true)] {
        browser.open(server.address());
        browser.until("it is listed", "document.querySelector('[data-order]') !== null");
        browser.run_with(
            "const ask = window.fetch;
            window.fetch = async (path, options) => {
                const answer = await ask(path, options);
                if (!/\\/wo-[0-9a-f]+(\\/steps)?$/.test(path)) return answer;
                return new Response(JSON.stringify({ ...await answer.json(), status: 'cancelled', queued_prompts: given[0] }), { headers: answer.headers });
            }",
            &json!([prompts]),
        );
        browser.run("document.querySelector('[data-order]').click()");
        browser.until("it can be deleted", &format!("{shown}.includes('Delete…')"));
        assert_eq!(browser.run(&format!("return {shown}.includes('Retry')")), offered, "{prompts} prompts wait");
    }
    is_clean(&browser);
}
