//! What went wrong is said where somebody looks for it.

use serde_json::json;

use super::{browser, is_clean, open_order};
use crate::setting::{Setting, completed, create};
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
