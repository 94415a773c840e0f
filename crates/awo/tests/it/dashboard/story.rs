//! One order after the other, from the form to its end, with everything that may come in between.

use serde_json::json;

use super::{browser, is_clean, open_order, step_is, timeline};
use crate::setting::{ORDERS, STEPS, Setting, completed, ended, order};

#[test]
fn an_order_is_made_in_the_form_and_watched_to_its_end_across_a_restart() {
    let Some(browser) = browser() else { return };
    let setting = Setting::new();
    setting.agent.hold("planner");
    setting.agent.hold("implementor");
    let mut server = setting.program.serve();
    let address = server.address().to_owned();
    browser.open(&address);
    browser.until_shown("No orders yet");

    browser.click("#to-new");
    browser.click("button[value=start]");
    browser.until_shown("is missing");
    let faults = "return [...document.querySelectorAll('[aria-invalid]')].map(it => it.id)";
    assert_eq!(browser.run(faults), json!(["field-repository_url", "field-user_request"]));
    assert_eq!(browser.run("return document.activeElement.id"), "field-repository_url");
    let tied = "const field = document.activeElement;
        return field.getAttribute('aria-describedby').split(' ').map(id => document.getElementById(id).textContent).join()";
    assert!(browser.run(tied).as_str().unwrap().contains("is missing"));

    browser.type_into("#field-repository_url", "ext::sh -c id");
    browser.type_into("#field-user_request", "Say hello in more languages\nand politely");
    browser.click("button[value=start]");
    browser.until("only the address is refused", "document.querySelectorAll('[aria-invalid]').length === 1");
    assert_eq!(browser.run(faults), json!(["field-repository_url"]));
    browser.run("document.getElementById('field-repository_url').value = ''");
    browser.type_into("#field-repository_url", &setting.remote.url());
    browser.click("button[value=start]");

    browser.until("plan is at work", &step_is("plan", "running"));
    assert_eq!(timeline(&browser)[..3], ["done classify", "running plan", "todo find_plan"]);
    assert_eq!(browser.run("return document.title"), "1/7 plan · Say hello in more languages");
    assert_eq!(
        browser.run("return document.querySelector('link[rel=icon]').getAttribute('href')"),
        "/page/icon-running.svg"
    );
    let id = browser.run("return new URLSearchParams(location.search).get('order')").as_str().unwrap().to_owned();
    assert_eq!(order(&server, &id)["user_request"], "Say hello in more languages\nand politely");

    browser.reload();
    browser.until("plan is at work, also to who comes later", &step_is("plan", "running"));
    // Who reads something keeps their place, whatever happens meanwhile.
    browser.click(".timeline > .is-done summary");
    browser.until("it is unfolded", "document.querySelector('.timeline > .is-done details').open");
    setting.agent.release("planner");
    browser.until("implement is at work", &step_is("implement", "running"));
    let kept = "const summary = document.activeElement;
        return summary.querySelector('.step-name')?.textContent === 'classify' && summary.parentElement.open";
    assert_eq!(browser.run(kept), true);

    setting.at_work("implementor", 1);
    server.kill();
    browser
        .until("the line says that the connection is lost", "document.documentElement.classList.contains('is-lost')");
    setting.agent.release("implementor");
    let server = setting.program.serve_again(&address);
    browser.until("it is back", "!document.documentElement.classList.contains('is-lost')");
    browser.until("the order has ended", "document.title.startsWith('● ')");
    assert_eq!(timeline(&browser), STEPS.map(|step| format!("done {step}")));
    assert_eq!(browser.run(kept), true);
    browser.until_shown("attempt 2"); // implement was cut by the end of the server
    completed(&server, &id);
    // The only console lines are of requests that found no server.
    is_clean(&browser);
}

#[test]
fn a_failed_step_opens_by_itself_and_an_order_is_retried_prompted_cancelled_and_deleted() {
    let Some(browser) = browser() else { return };
    let setting = Setting::new();
    setting.agent.fail("implementor", "the last words of the agent");
    let server = setting.program.serve();
    let id = setting.create(&server);
    open_order(&browser, &server, &id);
    browser.until("implement has failed", &step_is("implement", "failed"));
    browser.until("and is open", "document.querySelector('.timeline > .is-failed details').open");
    let told = browser.run("return document.querySelector('.timeline > .is-failed .note').textContent");
    let failed = ended(&server, &id);
    for part in [&failed["error_code"], &failed["advice"]] {
        assert!(told.as_str().unwrap().contains(part.as_str().unwrap()), "{part} in {told}");
    }
    assert!(browser.text().contains("the last words of the agent"));
    browser.until("the tab tells it", "document.title.startsWith('✘ ')");

    setting.agent.mend("implementor");
    setting.agent.hold("implementor");
    browser.click(".timeline > .is-failed .step-body button.strong");
    browser.until("it is at work again", &step_is("implement", "running"));
    setting.at_work("implementor", 2);
    browser.until_shown("1 earlier attempt");

    browser.type_into("#prompt", "And in Finnish");
    browser.click(".prompt button");
    browser.until_shown("1 prompt will be taken up");
    assert_eq!(order(&server, &id)["queued_prompts"], 1);

    browser.press("c");
    browser.until("it is asked first", "document.querySelector('dialog.question')?.open");
    browser.click("dialog.question button[value=no]");
    browser.until("nothing was done", "!document.querySelector('dialog')?.open");
    assert_eq!(order(&server, &id)["status"], "running");
    browser.press("c");
    browser.click("dialog.question button[value=yes]");
    browser.until("it is cancelled", "document.title.startsWith('⊘ ')");
    assert_eq!(ended(&server, &id)["status"], "cancelled");

    setting.agent.release("implementor");
    browser.press("r");
    browser.until("it has ended well", "document.title.startsWith('● ')");
    assert!(timeline(&browser).contains(&"done prompt-1".to_owned()), "{:?}", timeline(&browser));
    assert!(browser.text().contains("pushed"));

    browser.click(".actions button:nth-of-type(5)");
    browser.click("dialog.question button[value=yes]");
    browser.until_shown("No orders yet");
    assert_eq!(server.get(&format!("{ORDERS}/{id}")).status, 404);
    is_clean(&browser);
}

#[test]
fn a_held_order_is_started_its_log_followed_and_its_files_looked_at() {
    let Some(browser) = browser() else { return };
    let setting = Setting::new();
    setting.agent.hold("implementor");
    let server = setting.program.serve();
    let mut body = setting.body();
    body["start"] = false.into();
    let id = crate::setting::create(&server, &body);
    open_order(&browser, &server, &id);
    browser.until_shown("Held: nothing runs before somebody starts it");
    browser.click(".log > summary");
    browser.click(".actions .strong");
    browser.until("implement is at work", &step_is("implement", "running"));
    let lines = "[...document.querySelectorAll('.log-lines li')]";
    browser.until(
        "its beginning is in the log",
        &format!("{lines}.some(it => /implement .*step_started/.test(it.textContent))"),
    );

    browser.type_into("#log-step", "plan");
    browser.until(
        "only its lines are there",
        &format!("{lines}.length > 0 && {lines}.every(it => it.textContent.includes('plan '))"),
    );
    // Letters that follow too soon would be taken for more of the same word.
    browser.run(
        "const step = document.getElementById('log-step');
        step.value = ''; step.dispatchEvent(new Event('input', { bubbles: true }))",
    );
    setting.agent.release("implementor");
    browser.until("the end is told", &format!("{lines}.some(it => it.textContent.includes('workflow_completed'))"));
    let numbers =
        browser.run(&format!("return {lines}.filter(it => it.textContent.includes('step_completed')).length"));
    assert_eq!(numbers, 7, "each line once");

    browser.click(".timeline > li:nth-child(5) summary");
    browser.until_shown("Changed");
    browser.click(".files-part [aria-expanded]");
    browser.until("what it added is shown", "document.querySelector('.diff .added') !== null");
    browser.until("files are listed", "document.querySelectorAll('.files-part .files a').length > 3");
    is_clean(&browser);
}
