//! What agents, repositories and people may write: it is shown as it is, and does nothing.

use serde_json::{Value, json};

use super::{browser, is_clean, open_order, step_is};
use crate::setting::{Setting, create, ended};

/// What would run, load, frame, lead away or hide something, if a page took it for more than text.
const TRICKS: [&str; 9] = [
    "<script>alert('script')</script>",
    "<img src=x onerror=alert('image')>",
    "\"><svg onload=alert('svg')>",
    "' onfocus='alert(1)' autofocus='",
    "javascript:alert('link')",
    "</textarea></pre></details><iframe srcdoc='<script>alert(1)</script>'>",
    "{{constructor.constructor('alert(1)')()}} ${alert(1)}",
    "\u{1b}[31mred\u{1b}[0m \u{202e}gnol \u{200b}\u{7f}\u{9b}",
    "<a href='https://evil.example/'>https://evil.example/</a>",
];

/// What nobody but the agent says.
const MARKER: &str = "so ends the agent";

#[test]
fn what_others_write_is_text_in_every_place() {
    let Some(browser) = browser() else { return };
    let setting = Setting::new();
    let all = TRICKS.join("\n");
    setting.agent.say("planner", &format!("{all}\n{MARKER}"));
    setting.agent.fail("implementor", &all);
    let server = setting.program.serve();
    let body = json!({
        "repository_url": setting.remote.url(),
        "user_request": all,
        "model": "<img src=x onerror=alert('model')>",
    });
    let id = create(&server, &body);
    ended(&server, &id);
    for trick in TRICKS {
        let mut held = body.clone();
        held["user_request"] = json!(trick);
        held["start"] = false.into();
        create(&server, &held);
    }
    let at = format!("/agent-work-orders/{id}/prompt");
    assert_eq!(server.post(&at, &json!({"prompt_text": all})).status, 202);
    ended(&server, &id);
    let again = json!({"from_step": "plan"});
    assert_eq!(server.post(&format!("/agent-work-orders/{id}/retry"), &again).status, 202);
    ended(&server, &id);

    browser.open(server.address());
    browser.until("all are there", "document.querySelectorAll('.orders tbody tr').length === 10");
    let shown = browser.text();
    for trick in TRICKS.iter().filter(|trick| trick.chars().all(|c| !c.is_control() && c.is_ascii())) {
        assert!(shown.contains(trick), "{trick} is shown as it is: {shown}");
    }
    assert!(shown.contains("␛[31mred␛[0m ⟨U+202E⟩gnol ⟨U+200B⟩␡⟨U+009B⟩"), "{shown}");
    nothing_ran(&browser.run(MARKUP));
    is_clean(&browser);

    open_order(&browser, &server, &id);
    browser.until("it has failed", &step_is("implement", "failed"));
    browser.click(".log > summary");
    browser.until("the log is there", "document.querySelectorAll('.log-lines li').length > 5");
    // What is folded within is made when what is around it is unfolded.
    let unfold = "document.querySelectorAll('details:not([open])').forEach(it => (it.open = true))";
    for place in [".timeline > .is-done > details > .step-body > div > .said .output", ".timeline .earlier .output"] {
        let outputs = format!("[...document.querySelectorAll('{place}')].map(it => it.textContent).join()");
        browser.until("the words of the agent are there", &format!("({unfold}, {outputs}.includes('{MARKER}'))"));
        let told = browser.run(&format!("return {outputs}"));
        for trick in TRICKS.iter().filter(|trick| trick.chars().all(|c| !c.is_control() && c.is_ascii())) {
            assert!(told.as_str().unwrap().contains(trick), "{trick} in {place}: {told}");
        }
    }
    let failed = "document.querySelector('.timeline > .is-failed .note.is-failed')?.textContent";
    browser.until("so are its errors", &format!("{failed}?.includes(\"onerror=alert('image')\")"));
    nothing_ran(&browser.run(MARKUP));
    is_clean(&browser);

    // The address bar is text of others, too.
    let lure = "%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E";
    for place in [
        format!("?q={lure}&repository_url={lure}&status={lure}&cursor=x"),
        format!("?order={lure}"),
        format!("?view={lure}"),
    ] {
        browser.open(&format!("{}/{place}", server.address()));
        browser.until("something is shown", "document.querySelector('h1') !== null");
        browser.until(
            "it has been read",
            "document.querySelector('.trouble:not([hidden]), .orders:not([hidden])') !== null",
        );
        nothing_ran(&browser.run(MARKUP));
        assert_eq!(browser.seen(), Vec::<String>::new(), "{place}");
    }
}

/// Elements that only text of others could have made, and links that lead away.
const MARKUP: &str = "
    const strange = [...document.querySelectorAll('main :is(img, iframe, script, svg, b, object, embed), [onerror], [onload], [onfocus], [onmouseover]')];
    const links = [...document.querySelectorAll('a[href]')].filter(link => new URL(link.href).origin !== location.origin);
    return [...strange, ...links].map(it => it.outerHTML)";

#[track_caller]
fn nothing_ran(made: &Value) {
    assert_eq!(*made, json!([]));
}
