//! Words that somebody has typed are not taken from them.

use awo_testkit::browser::{Browser, key};
use serde_json::json;

use super::{browser, is_clean, open_order};
use crate::setting::{Setting, create};

#[test]
fn a_form_for_a_new_order_that_holds_words_stays() {
    let Some(browser) = browser() else { return };
    let setting = Setting::new();
    let server = setting.program.serve();
    browser.open(&format!("{}/?view=new", server.address()));
    browser.until("the form is there", "document.activeElement.id === 'field-repository_url'");
    browser.type_into("#field-user_request", "Say hello");
    let holds = |browser: &Browser| {
        assert_eq!(browser.run("return document.querySelector('#field-user_request')?.value"), "Say hello");
    };
    browser.press(key::ESCAPE);
    for keys in [key::ESCAPE, "n"] {
        browser.press(keys);
        holds(&browser);
    }
    browser.click("#to-new");
    holds(&browser);

    // The session ends: how to get in stands above, and the words are sent afterwards.
    browser.run(
        "const ask = window.fetch;
        window.fetch = (path, options) => options?.method !== 'POST' ? ask(path, options)
            : Promise.resolve(new Response(JSON.stringify({ detail: 'who asks?' }), { status: 401 }));
        window.known = () => { window.fetch = ask; }",
    );
    browser.type_into("#field-repository_url", &setting.remote.url());
    browser.click("button[value=hold]");
    browser.until_shown("awo login-link");
    holds(&browser);
    browser.run("window.known()");
    browser.click(".login button");
    assert_eq!(browser.run("return document.querySelector('.login')"), json!(null));
    browser.click("button[value=hold]");
    browser.until_shown("Held: nothing runs before somebody starts it");
    is_clean(&browser);
}

#[test]
fn a_prompt_that_is_being_written_stays_while_it_cannot_be_sent() {
    let Some(browser) = browser() else { return };
    let setting = Setting::new();
    setting.agent.hold("planner");
    let server = setting.program.serve();
    let mut held = setting.body();
    held["start"] = false.into();
    let id = create(&server, &held);
    open_order(&browser, &server, &id);
    browser.type_into("#prompt", "And in Finn");
    // As if it were being cancelled, for as long as the test looks.
    browser.run_with(
        "const ask = window.fetch;
        window.fetch = async (path, options) => {
            const answer = await ask(path, options);
            if (path !== `/agent-work-orders/${given[0]}`) return answer;
            return new Response(JSON.stringify({ ...await answer.json(), cancel_requested: true }), { headers: answer.headers });
        }",
        &json!([id]),
    );
    assert_eq!(server.post(&format!("/agent-work-orders/{id}/start"), &json!({})).status, 202);
    browser.until_shown("This can be sent when it has ended");
    browser.press("ish");
    let told = "return [document.activeElement.id, document.activeElement.value, document.querySelector('.prompt button').disabled]";
    assert_eq!(browser.run(told), json!(["prompt", "And in Finnish", true]));
    browser.press(key::ESCAPE);
    browser.press(key::ESCAPE);
    assert_eq!(browser.run("return document.getElementById('prompt')?.value"), "And in Finnish");
    is_clean(&browser);
}

/// Whether the browser asks before it closes the tab.
const ASKS: &str = "return !window.dispatchEvent(new Event('beforeunload', { cancelable: true }))";

#[test]
fn unsent_words_survive_links_the_way_back_and_a_reload_and_closing_is_asked_about() {
    let Some(browser) = browser() else { return };
    let setting = Setting::new();
    let server = setting.program.serve();
    let mut held = setting.body();
    held["start"] = false.into();
    let id = create(&server, &held);
    browser.open(&format!("{}/?view=new", server.address()));
    browser.until("the form is there", "document.activeElement.id === 'field-repository_url'");
    assert_eq!(browser.run(ASKS), false, "nothing was typed");
    browser.type_into("#field-repository_url", &setting.remote.url());
    browser.type_into("#field-user_request", "Say hello\nin Finnish");
    browser.click("input[value=commands]");
    browser.click("input[name=selected_commands][value=create-branch]");
    assert_eq!(browser.run(ASKS), true);
    let form = "['field-repository_url', 'field-user_request'].map(id => document.getElementById(id)?.value).concat(
        [...document.querySelectorAll('form.new-order :checked:is([type=checkbox], [type=radio])')].map(it => it.value))";
    let typed = json!([setting.remote.url(), "Say hello\nin Finnish", "commands", "create-branch"]);
    let holds = |why: &str| {
        browser.until(why, &format!("JSON.stringify({form}) === JSON.stringify({typed})"));
        assert_eq!(browser.run("return document.getElementById('field-selected_commands').hidden"), false, "{why}");
    };
    holds("as it was typed");

    browser.click("#to-orders");
    browser.until("a link leads away", "document.querySelector('[data-order]') !== null");
    assert_eq!(browser.run(ASKS), false);
    browser.run("history.back()");
    holds("the way back");
    browser.reload();
    holds("a reload");
    browser.click("button[value=hold]");
    browser.until_shown("Held: nothing runs before somebody starts it");
    assert_eq!(browser.run(ASKS), false);
    browser.click("#to-new");
    browser
        .until("the next form is empty", &format!("JSON.stringify({form}) === JSON.stringify(['', '', 'workflow'])"));

    open_order(&browser, &server, &id);
    browser.type_into("#prompt", "And in Finnish");
    assert_eq!(browser.run(ASKS), true);
    browser.click("#to-orders");
    browser.until("a link leads away", "document.querySelectorAll('[data-order]').length === 2");
    browser.run("document.querySelectorAll('[data-order]')[0].click()");
    browser.until("the prompt of another order", "document.querySelector('#prompt')?.value === ''");
    browser.run("history.go(-2)");
    browser.until("what was typed is there", "document.querySelector('#prompt')?.value === 'And in Finnish'");
    browser.reload();
    browser.until("after a reload, too", "document.querySelector('#prompt')?.value === 'And in Finnish'");
    browser.click(".prompt button");
    browser.until_shown("1 prompt will be taken up");
    browser.reload();
    browser.until("it was sent", "document.querySelector('#prompt')?.value === ''");
    is_clean(&browser);
}
