//! Tabs that nobody looks at: what they ask, what they show, and whom they tell.

use awo_testkit::browser::Browser;
use awo_testkit::{Server, until};
use serde_json::json;

use super::{browser, is_clean, open_order, step_is};
use crate::setting::{Setting, ended};

fn has_streams(server: &Server, count: u32) -> bool {
    let line = format!("awo_stream_clients{{kind=\"sse\"}} {count}");
    server.get("/metrics").text.lines().any(|told| told == line)
}

#[track_caller]
fn shows_in_tab(browser: &Browser, title: &str, icon: &str) {
    let icon = format!("document.querySelector('link[rel=icon]').getAttribute('href') === '/page/icon-{icon}.svg'");
    browser.until("title and icon tell it", &format!("document.title.startsWith({}) && {icon}", json!(title)));
}

#[test]
fn a_tab_that_nobody_sees_has_no_stream_and_its_title_and_icon_follow_all_the_same() {
    let Some(browser) = browser() else { return };
    let setting = Setting::new();
    setting.agent.hold("planner");
    setting.agent.hold("implementor");
    let server = setting.program.serve();
    let id = setting.create(&server);
    open_order(&browser, &server, &id);
    browser.until("plan is at work", &step_is("plan", "running"));
    until("it has a stream", || has_streams(&server, 1));

    browser.look_away();
    browser.until("nobody sees it", "document.hidden");
    until("it has none", || has_streams(&server, 0));
    setting.agent.release("planner");
    shows_in_tab(&browser, "4/7 implement · ", "running");
    assert!(has_streams(&server, 0));

    browser.look_back();
    browser.until("it is seen", "!document.hidden");
    until("it has a stream again", || has_streams(&server, 1));
    setting.agent.fail("implementor", "no");
    browser.look_away();
    setting.agent.release("implementor");
    shows_in_tab(&browser, "✘ ", "failed");
    browser.look_back();
    is_clean(&browser);
}

/// Notes which notifications are shown, and how often the person is asked for them.
const WATCH: &str = "
    window.__shown = [];
    window.__asked = 0;
    const Real = window.Notification;
    window.Notification = class extends Real {
        constructor(title, options) {
            super(title, options);
            window.__shown.push(title);
        }
        static requestPermission() {
            window.__asked += 1;
            return Real.requestPermission();
        }
    };";

#[test]
fn who_asked_for_it_gets_one_notification_when_an_order_ends_and_nobody_else() {
    let Some(browser) = browser() else { return };
    let setting = Setting::new();
    let server = setting.program.serve();
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", &json!({"source": WATCH}));
    setting.agent.hold("implementor");
    setting.agent.fail("implementor", "no");
    let id = setting.create(&server);
    open_order(&browser, &server, &id);
    browser.until("implement is at work", &step_is("implement", "running"));
    let bell = "document.querySelector('.actions button:nth-of-type(6)')";
    assert_eq!(browser.run(&format!("return {bell}.textContent")), "Notify me");
    assert_eq!(browser.run("return [Notification.permission, window.__asked]"), json!(["default", 0]));
    // Ends the attempt, and the order with it, while nobody looks; then it is tried again.
    let ends_unseen = || {
        browser.look_away();
        browser.until("nobody sees it", "document.hidden");
        setting.agent.release("implementor");
        ended(&server, &id);
        browser.until("the tab knows it", "document.title.startsWith('✘ ')");
        setting.agent.hold("implementor");
        browser.look_back();
        browser.press("r");
        browser.until("implement is at work again", &step_is("implement", "running"));
        browser.run("return window.__shown")
    };
    assert_eq!(ends_unseen(), json!([]), "nobody asked for it");

    browser.permit("notifications", "denied");
    browser.click(".actions button:nth-of-type(6)");
    browser.until("the person was asked", "window.__asked === 1");
    assert_eq!(browser.run(&format!("return {bell}.getAttribute('aria-pressed')")), "false");
    assert_eq!(ends_unseen(), json!([]), "the person said no");

    browser.permit("notifications", "granted");
    browser.click(".actions button:nth-of-type(6)");
    browser.until("it is on", &format!("{bell}.getAttribute('aria-pressed') === 'true'"));
    let told = ends_unseen();
    assert_eq!(told, json!(["✘ failed: Say hello in more languages"]));
    assert_eq!(browser.run("return window.__asked"), 2, "asked on clicks only");

    browser.reload();
    browser.until("it is on, also for who comes later", &format!("{bell}?.getAttribute('aria-pressed') === 'true'"));
    browser.until("implement is at work", &step_is("implement", "running"));
    browser.click(".actions button:nth-of-type(6)");
    browser.until("it is off", &format!("{bell}.getAttribute('aria-pressed') === 'false'"));
    assert_eq!(ends_unseen(), json!([]), "it was turned off");
    is_clean(&browser);
    setting.agent.release("implementor");
    ended(&server, &id);
}
