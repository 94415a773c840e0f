//! Where keys are asked for: the page says what to do, and a link lets its browser in.

use super::{browser, is_clean};
use crate::setting::Setting;

#[test]
fn a_browser_without_a_session_is_told_what_to_do_and_a_link_lets_it_in() {
    let Some(browser) = browser() else { return };
    // Who comes from elsewhere may not name paths of the machine.
    let setting = Setting::with(&[("AWO_AUTH", "key")]).redirected_from("https://github.com/o/r.git");
    let made = setting.run(&["keys", "create", "--scope", "admin", "--label", "page", "--json"]).expect(0).json();
    let key = made["key"].as_str().unwrap().to_owned();
    let server = setting.program.serve();
    browser.open(server.address());
    browser.until_shown("This server asks for a key");
    assert!(browser.text().contains("awo login-link"));

    let authorization = format!("Bearer {key}");
    let link = server.call("POST", "/login-links", &[("authorization", &authorization)], Some(b"")).json();
    browser.open(link["url"].as_str().unwrap());
    browser.until_shown("No orders yet");
    browser.click("#to-new");
    browser.type_into("#field-repository_url", "https://github.com/o/r.git");
    browser.type_into("#field-user_request", "Say hello");
    browser.click("button[value=hold]");
    browser.until_shown("Held: nothing runs before somebody starts it");
    browser.click(".actions .strong");
    browser.until("it has ended", "document.title.startsWith('● ')");
    is_clean(&browser);

    browser.click("#ask-help");
    browser.click("#help button[type=button]");
    browser.until_shown("This server asks for a key");
}
