//! Without a mouse.

use awo_testkit::browser::key;

use super::{browser, is_clean, step_is};
use crate::setting::{Setting, create, ended};

#[test]
fn everything_that_matters_is_done_by_keys() {
    let Some(browser) = browser() else { return };
    let setting = Setting::new();
    setting.agent.hold("planner");
    let server = setting.program.serve();
    let mut held = setting.body();
    held["start"] = false.into();
    create(&server, &held);
    create(&server, &held);
    browser.open(server.address());
    browser.until("both are there", "document.querySelectorAll('.orders tbody tr').length === 2");

    let place = "return [...document.querySelectorAll('[data-stop]')].indexOf(document.activeElement)";
    for (keys, at) in [("j", 0), ("j", 1), ("j", 1), ("k", 0)] {
        browser.press(keys);
        assert_eq!(browser.run(place), at, "{keys}");
    }
    browser.press("?");
    browser.until("help is there", "document.getElementById('help').open");
    browser.press(key::ESCAPE);
    browser.until("help is gone", "!document.getElementById('help').open");
    browser.press("/");
    assert_eq!(browser.run("return document.activeElement.id"), "search");
    browser.press("jk?n");
    assert_eq!(browser.run("return document.activeElement.value"), "jk?n", "letters are letters where one types");
    browser.run("document.activeElement.value = ''");
    browser.press(key::ESCAPE);

    browser.press("n");
    browser.until("the form waits for the address", "document.activeElement.id === 'field-repository_url'");
    browser.press(&setting.remote.url());
    for _ in 0..2 {
        browser.press(key::TAB);
    }
    assert_eq!(browser.run("return document.activeElement.id"), "field-user_request");
    browser.press("Say hello");
    for _ in 0..20 {
        if browser.run("return document.activeElement.value") == "start" {
            break;
        }
        browser.press(key::TAB);
    }
    browser.press(key::ENTER);
    browser.until("it is made, and plan is at work", &step_is("plan", "running"));
    let id = browser.run("return new URLSearchParams(location.search).get('order')").as_str().unwrap().to_owned();

    browser.press("j");
    browser.until("the first step has the focus", "document.activeElement.matches('.timeline summary')");
    browser.press(key::ENTER);
    browser.until("it is unfolded", "document.activeElement.parentElement.open");
    browser.press("c");
    browser.until("it is asked", "document.querySelector('dialog.question')?.open");
    browser.press(key::TAB);
    browser.press(key::ENTER);
    browser.until("it is cancelled", "document.title.startsWith('⊘ ')");
    assert_eq!(ended(&server, &id)["status"], "cancelled");
    setting.agent.release("planner");
    browser.press("r");
    browser.until("it has ended well", "document.title.startsWith('● ')");
    browser.press(key::ESCAPE);
    browser.until("back at the orders", "document.querySelectorAll('.orders tbody tr').length === 3");
    is_clean(&browser);
}
