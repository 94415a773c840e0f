//! The page in a real browser: what a person sees of orders, and does to them.

mod background;
mod doors;
mod hostile;
mod keyboard;
mod looks;
mod numbers;
mod parts;
mod story;
mod table;
mod trouble;
mod typed;
mod workers;

use awo_testkit::browser::Browser;
use awo_testkit::{Server, programs};
use serde_json::{Value, json};

/// A browser, if there is one.
pub(crate) fn browser() -> Option<Browser> {
    let (driver, chromium) = (programs::real("chromedriver")?, programs::real("chromium")?);
    Some(Browser::start(&driver, &chromium))
}

/// Checks that nothing was stopped by the policy of the page, none of its programs failed, nobody was asked anything, and
/// nothing was loaded from elsewhere.
#[track_caller]
pub(crate) fn is_clean(browser: &Browser) {
    assert_eq!(browser.seen(), Vec::<String>::new());
    let outside = "return performance.getEntriesByType('resource').map(it => it.name)
        .filter(name => !name.startsWith(location.origin + '/') && !name.startsWith('data:'))";
    assert_eq!(browser.run(outside), json!([]));
    let told: Vec<_> = browser.console().into_iter().filter(|line| !line.starts_with("\"network\"")).collect();
    assert_eq!(told, Vec::<String>::new());
}

/// Opens the page of an order.
#[track_caller]
pub(crate) fn open_order(browser: &Browser, server: &Server, id: &str) {
    browser.open(&format!("{}/?order={id}", server.address()));
    browser.until("the order is shown", "!!document.querySelector('.order:not([hidden]) h1')?.textContent");
}

/// The steps of the timeline: their kind, and name.
#[track_caller]
pub(crate) fn timeline(browser: &Browser) -> Vec<String> {
    let shown = browser.run(
        "return [...document.querySelectorAll('.timeline > .step')].map(step =>
            `${step.className.replace('step is-', '')} ${step.querySelector('.step-name').textContent}`)",
    );
    texts(&shown)
}

pub(crate) fn texts(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().map(|text| text.as_str().unwrap_or_default().to_owned()).collect()
}

/// Whether a step is in a state, as an expression.
pub(crate) fn step_is(step: &str, kind: &str) -> String {
    format!(
        "[...document.querySelectorAll('.timeline > .is-{kind} .step-name')].some(it => it.textContent === '{step}')"
    )
}
