//! How the page looks: the main views, in light and dark, wide and narrow, without barriers that a program can find. With
//! `AWO_SCREENSHOTS` the pictures are kept there, for people to look at.

use std::path::PathBuf;

use awo_testkit::browser::Browser;
use awo_testkit::postgres::TestSchema;
use awo_testkit::{programs, until};
use serde_json::{Value, json};

use super::{browser, is_clean, open_order, step_is};
use crate::setting::{Setting, completed, create, ended};
use crate::workers::{self, Worker};

/// Name, width, height and colours of a window.
const WINDOWS: [(&str, u32, u32, &str); 4] = [
    ("light", 1360, 900, "light"),
    ("dark", 1360, 900, "dark"),
    ("phone", 390, 844, "light"),
    ("phone-dark", 390, 844, "dark"),
];

struct Looks {
    browser: Browser,
    axe: String,
    pictures: Option<PathBuf>,
}

impl Looks {
    /// Eyes, if there is a browser, and what finds barriers.
    fn new() -> Option<Self> {
        let (browser, axe) = (browser()?, programs::real("axe")?);
        let pictures = std::env::var_os("AWO_SCREENSHOTS").map(PathBuf::from);
        Some(Self { browser, axe: std::fs::read_to_string(axe).unwrap(), pictures })
    }

    /// Looks at what is shown now, in every window.
    #[track_caller]
    fn at(&self, view: &str) {
        for (name, width, height, colours) in WINDOWS {
            self.browser.resize(width, height);
            self.browser.prefer(colours);
            self.browser
                .until("the colours are there", &format!("document.documentElement.dataset.theme === '{colours}'"));
            let wide = self.browser.run("return document.documentElement.scrollWidth - innerWidth");
            assert!(wide.as_i64().unwrap() <= 0, "{view} is wider than {name} by {wide}");
            self.has_no_barriers(view, name);
            self.browser.run("scrollTo(0, 0)");
            let picture = self.browser.picture();
            assert!(picture.len() > 5_000, "{view} in {name} is empty");
            if let Some(directory) = &self.pictures {
                std::fs::write(directory.join(format!("{view}-{name}.png")), picture).unwrap();
            }
        }
    }

    #[track_caller]
    fn has_no_barriers(&self, view: &str, window: &str) {
        if self.browser.run("return typeof axe") == "undefined" {
            self.browser.devtools("Runtime.evaluate", &json!({"expression": self.axe}));
        }
        let found = self.browser.run(
            "const { violations, passes } = await axe.run(document, { resultTypes: ['violations'] });
             return [passes.length, violations.flatMap(it => it.nodes.map(node => `${it.id}: ${node.html} ${node.failureSummary}`))]",
        );
        assert!(found[0].as_u64().unwrap() > 15, "it was looked for: {found}");
        assert_eq!(found[1], json!([]), "{view} in {window}");
    }
}

#[test]
fn the_main_views_are_without_barriers_in_every_window() {
    let Some(looks) = Looks::new() else { return };
    let setting = Setting::new();
    let server = setting.program.serve();
    let browser = &looks.browser;
    let (address, agent) = (server.address(), &setting.agent);

    browser.open(address);
    browser.until_shown("No orders yet");
    looks.at("empty");

    let whole = create(&server, &asked(&setting, "Say hello in more languages\n\nEach greeting in a file of its own."));
    completed(&server, &whole);
    agent.fail("implementor", "I have looked at src/greeting.rs.\nI could not find the function that greets.\n");
    let failed = create(&server, &asked(&setting, "Fix the flaky login test"));
    ended(&server, &failed);
    agent.mend("implementor");
    agent.hold("implementor");
    let mut held = asked(&setting, "Tidy the change log");
    held["start"] = false.into();
    create(&server, &held);
    let running = create(&server, &asked(&setting, "Add a greeting that can be translated, and tests that hold it"));
    setting.at_work("implementor", 3);

    browser.open(address);
    browser.until("all are there", "document.querySelectorAll('.orders tbody tr').length === 4");
    looks.at("orders");
    open_order(browser, &server, &running);
    browser.until("implement is at work", &step_is("implement", "running"));
    browser.click(".log > summary");
    browser.until("the log is there", "document.querySelectorAll('.log-lines li').length > 5");
    looks.at("running");
    open_order(browser, &server, &failed);
    browser.until("it has failed", &step_is("implement", "failed"));
    looks.at("failed");
    open_order(browser, &server, &whole);
    browser.click(".timeline > li:nth-child(5) summary");
    browser.click(".files-part [aria-expanded]");
    browser.until("the diff is there", "document.querySelector('.diff .added') !== null");
    looks.at("completed");
    browser.open(&format!("{address}/?view=figures"));
    browser.until("steps have figures", "document.querySelectorAll('.figure:first-child tbody tr').length >= 7");
    let numbers = "return [...document.querySelectorAll('.figure:first-child tbody tr')]
        .filter(row => row.children[0].textContent === 'implement').map(row => [row.children[2].textContent, row.children[3].textContent])";
    assert_eq!(browser.run(numbers), json!([["2", "1"]]), "of the two orders that ended");
    browser.until("dots lead to their orders", "document.querySelector('.spread a[href^=\"/?order=wo-\"]') !== null");
    looks.at("figures");
    browser.open(&format!("{address}/?view=new"));
    browser.click("details.folded:last-of-type > summary");
    browser.click("button[value=start]");
    browser.until_shown("is missing");
    looks.at("new");
    browser.run("document.activeElement.blur()");
    browser.press("?");
    looks.at("help");
    is_clean(browser);

    browser.open(&format!("{address}/docs"));
    browser.until("the description is shown", "document.querySelectorAll('.opblock').length > 30");
    is_clean(browser);
    agent.release("implementor");
    until("it ends", || crate::setting::has_ended(&crate::setting::order(&server, &running)));
}

#[test]
fn the_workers_are_without_barriers_in_every_window() {
    let Some(looks) = Looks::new() else { return };
    let Some(schema) = TestSchema::new() else { return };
    let setting = workers::setting(&schema);
    let server = setting.program.serve_with(["--no-run"]);
    let browser = &looks.browser;
    let rows = "[...document.querySelectorAll('.workers tbody tr')]";
    browser.open(&format!("{}/?view=workers", server.address()));
    browser.until_shown("Nobody runs orders at present");
    looks.at("workers-none");

    setting.agent.hold("implementor");
    let dead = Worker::start(&setting, "dead");
    browser.until("one is listed", &format!("{rows}.length === 1"));
    drop(dead);
    let _plain = Worker::start(&setting, "plain");
    let _labelled = Worker::start_with(&setting, "labelled", &["--labels", "gpu,large-disk"]);
    for times in 1..=3 {
        create(&server, &asked(&setting, "Add a greeting that can be translated"));
        setting.at_work("implementor", times);
    }
    browser.until(
        "one is silent",
        &format!("{rows}.length === 3 && {rows}.filter(row => row.className === 'is-failed').length === 1"),
    );
    browser.until("all orders are named", "document.querySelectorAll('.workers a').length === 3");
    looks.at("workers");
    browser.click(".head button");
    browser.until_shown("The queue is paused");
    looks.at("workers-paused");
    browser.click("#to-orders");
    browser.until("all are there", "document.querySelectorAll('.orders tbody tr').length === 3");
    looks.at("orders-paused");
    is_clean(browser);
}

fn asked(setting: &Setting, request: &str) -> Value {
    json!({"repository_url": setting.remote.url(), "user_request": request})
}
