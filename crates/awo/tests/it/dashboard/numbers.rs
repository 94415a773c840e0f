//! Figures of what failed: their classes over the days, and the way to the orders behind a count.

use serde_json::json;

use super::{browser, is_clean, texts};
use crate::setting::{Setting, completed, ended};

#[test]
fn failures_are_told_by_class_and_day_and_lead_to_orders() {
    let Some(browser) = browser() else { return };
    let setting = Setting::new();
    let server = setting.program.serve();
    completed(&server, &setting.create(&server));
    setting.agent.fail("planner", "no");
    // One after the other, so that it is known which failed last.
    let failed = [(); 2].map(|()| {
        let id = setting.create(&server);
        ended(&server, &id);
        id
    });
    let figures = format!("{}/?view=figures", server.address());
    let row_of = |title: &str, name: &str| {
        format!(
            "[...document.querySelectorAll('[aria-label=\"{title}\"] tbody tr')].find(row => row.cells[0].textContent === '{name}')"
        )
    };
    let class = row_of("Failures", "agent_crashed");
    browser.open(&figures);
    browser.until("its class is there", &class);
    assert_eq!(browser.run(&format!("return {class}.cells[1].textContent")), "2");
    let columns = browser.run(&format!("return [...{class}.querySelectorAll('rect')].map(it => it.textContent)"));
    let columns = texts(&columns);
    assert!(columns.len() == 1 && columns[0].ends_with(": 2"), "both of today: {columns:?}");
    let named = browser.run(&format!("return [...{class}.cells[3].querySelectorAll('a')].map(it => it.search)"));
    assert_eq!(named, json!([format!("?order={}", failed[1]), format!("?order={}", failed[0])]));

    let today = "document.querySelector('[aria-label=Days] tbody th').textContent";
    let day = browser.run(&format!("return {today}")).as_str().unwrap().to_owned();
    let repository = "document.querySelector('[aria-label=Repositories] tbody th').textContent";
    let repository = browser.run(&format!("return {repository}")).as_str().unwrap().to_owned();
    for (title, name, column) in
        [("Steps", "plan", 3), ("Failures", "agent_crashed", 1), ("Days", &day, 3), ("Repositories", &repository, 3)]
    {
        browser.open(&figures);
        let count = format!("{}?.cells[{column}].querySelector('a')", row_of(title, name));
        browser.until("the count is a link", &format!("{count}?.textContent === '2'"));
        browser.run(&format!("{count}.click()"));
        browser.until(
            "both orders are listed",
            "document.querySelectorAll('.orders tbody .is-failed, .orders tbody tr.is-failed').length === 2",
        );
        assert_eq!(browser.run("return document.querySelectorAll('.orders tbody tr').length"), 2, "{title}");
    }
    browser.open(&figures);
    let none = format!("{}?.cells[3]", row_of("Steps", "classify"));
    browser.until("a step that never failed", &format!("{none}?.textContent === '0'"));
    assert_eq!(browser.run(&format!("return {none}.querySelector('a')")), json!(null));
    is_clean(&browser);
}
