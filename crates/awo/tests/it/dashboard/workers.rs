//! The workers that share the orders, as the page shows them, and the button that pauses their queue.

use awo_testkit::postgres::TestSchema;

use super::{browser, is_clean};
use crate::setting::{Setting, completed, order};
use crate::workers::{Worker, heard_twice, setting};

const LINK: &str = "document.getElementById('to-workers')";
const BANNER: &str = "document.getElementById('paused')";
const ROWS: &str = "[...document.querySelectorAll('.workers tbody tr')]";

#[test]
fn workers_are_seen_with_what_they_run_and_their_queue_is_paused_and_resumed() {
    let Some(browser) = browser() else { return };
    let Some(schema) = TestSchema::new() else { return };
    let setting = setting(&schema);
    setting.agent.hold("implementor");
    let server = setting.program.serve_with(["--no-run"]);
    browser.open(server.address());
    browser.until("there is a way to them", &format!("!{LINK}.hidden"));
    browser.click("#to-workers");
    browser.until_shown("Nobody runs orders at present");
    assert_eq!(browser.run(&format!("return {LINK}.getAttribute('aria-current')")), "page");

    let first = Worker::start(&setting, "first");
    browser.until("it comes by itself", &format!("{ROWS}.length === 1 && {ROWS}[0].textContent.includes('0 of 2')"));
    let id = setting.create(&server);
    setting.at_work("implementor", 1);
    browser.until("what it runs is named", &format!("{ROWS}[0].querySelector('a')?.title === '{id}'"));
    browser.until_shown("1 worker · 1 of 2 places taken");

    // By keys only, and the focus stays where it was.
    browser.run("document.querySelector('.head button').focus()");
    browser.press("\u{e007}");
    browser.until("it can be resumed", "document.activeElement.textContent === 'Resume the queue'");
    browser.until("that is said above", &format!("{BANNER}.textContent.startsWith('The queue is paused')"));
    let waits = setting.create(&server);
    heard_twice(&server);
    assert_eq!(order(&server, &waits)["status"], "pending");
    browser.click("#to-orders");
    browser.until("both are listed", "document.querySelectorAll('.orders tbody tr').length === 2");
    assert_eq!(browser.run(&format!("return {BANNER}.checkVisibility()")), true, "on every view");
    browser.reload();
    browser.until("also to who comes later", &format!("{BANNER}.checkVisibility()"));
    browser.click("#paused a");
    browser.until("the way leads to the workers", &format!("{ROWS}.length === 1"));
    browser.click(".head button");
    browser.until("it is resumed", &format!("!{BANNER}.checkVisibility()"));
    browser.until("the order begins", &format!("{ROWS}[0].querySelectorAll('a').length === 2"));

    drop(first);
    browser.until("it is silent", &format!("{ROWS}[0].textContent.includes('silent')"));
    browser.until_shown("1 worker · 1 silent · 0 of 0 places taken");
    let _second = Worker::start(&setting, "second");
    browser.until(
        "its orders move",
        &format!("{ROWS}.length === 2 && {ROWS}.some(row => row.querySelectorAll('a').length === 2)"),
    );
    browser
        .run(&format!("{ROWS}.flatMap(row => [...row.querySelectorAll('a')]).find(it => it.title === '{id}').click()"));
    browser.until("it leads to the order", &format!("new URLSearchParams(location.search).get('order') === '{id}'"));
    is_clean(&browser);
    setting.agent.release("implementor");
    completed(&server, &id);
    completed(&server, &waits);
}

#[test]
fn a_server_that_runs_its_orders_alone_shows_nothing_of_workers() {
    let Some(browser) = browser() else { return };
    let setting = Setting::new();
    let server = setting.program.serve();
    browser.open(server.address());
    let asked =
        "performance.getEntriesByType('resource').some(it => it.name.endsWith('/workers') && it.responseEnd > 0)";
    browser.until("the server was asked", asked);
    browser.until_shown("No orders yet");
    assert_eq!(browser.run(&format!("return [{LINK}.hidden, {BANNER}.checkVisibility()].join()")), "true,false");
    browser.open(&format!("{}/?view=workers", server.address()));
    browser.until_shown("No workers share these orders");
    assert_eq!(browser.run("return document.querySelector('.head button').hidden"), true);
    is_clean(&browser);
}
