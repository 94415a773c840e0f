//! The table of orders: it grows live, filters stand in the address, and many orders are pages.

use serde_json::json;

use super::{browser, is_clean, texts};
use crate::setting::{ORDERS, Setting, completed, create};

/// Orders of a page of the table.
const PAGE: usize = 100;

#[test]
fn the_table_is_live_filtered_by_the_address_and_has_pages() {
    let Some(browser) = browser() else { return };
    let setting = Setting::new();
    setting.agent.hold("implementor");
    let server = setting.program.serve();
    browser.open(server.address());
    browser.until_shown("No orders yet");
    let first = setting.create(&server);
    browser.until("it is there", "document.querySelectorAll('.orders tbody tr').length === 1");
    browser.run("document.querySelector('.orders tbody a').focus()");
    browser.until("it moves", "document.querySelector('.orders .steps').textContent === '4/7'");
    assert_eq!(browser.run("return document.querySelector('.orders tbody .step-name').textContent"), "implement");
    assert!(browser.run("return document.title").as_str().unwrap().starts_with("(1) Orders"));

    let mut body = setting.body();
    body["start"] = false.into();
    for number in 0..PAGE + 3 {
        body["user_request"] = json!(format!("Held request {number}"));
        create(&server, &body);
    }
    browser.until_shown("1–100 of 104");
    assert_eq!(browser.run("return document.querySelectorAll('.orders tbody tr').length"), PAGE);
    browser.click(".paging [rel=next]");
    browser.until_shown("101–104 of 104");
    let requests = "return [...document.querySelectorAll('.orders .in-request a')].map(it => it.textContent)";
    assert_eq!(
        texts(&browser.run(requests)),
        ["Held request 2", "Held request 1", "Held request 0", "Say hello in more languages"]
    );
    browser.reload();
    browser.until_shown("101–104 of 104");
    setting.agent.release("implementor");
    browser.until("also here", "document.querySelector('.orders tr:last-child .word')?.textContent === 'completed'");
    completed(&server, &first);
    browser.run("history.back()");
    browser.until_shown("1–100 of 104");

    browser.type_into("#search", "request 10");
    browser.until_shown("4 orders"); // 10, 100, 101, 102
    assert!(browser.run("return location.search").as_str().unwrap().contains("q=request+10"));
    browser.click("input[value=completed]");
    browser.until_shown("No order matches");
    browser.run("document.activeElement.blur()");
    browser.reload();
    browser.until_shown("No order matches");
    assert_eq!(browser.run("return document.querySelector('#search').value"), "request 10");
    browser.click("main a[href='/']");
    browser.until_shown("1–100 of 104");
    assert_eq!(browser.run("return document.querySelector('#search').value"), "");
    browser.click("input[value=completed]");
    browser.until_shown("1 order");
    let gone = server.call("DELETE", &format!("{ORDERS}/{first}"), &[], None);
    assert_eq!(gone.status, 204);
    browser.reload();
    browser.until_shown("No order matches");
    is_clean(&browser);
}
