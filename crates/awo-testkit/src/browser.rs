//! A real browser that a test drives as a person would: opens addresses, types, clicks, and looks at what is shown. Speaks
//! `WebDriver` to `chromedriver`, as plainly as a test needs it.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::http;
use crate::waiting::{eventually, until};

/// What names an element in `WebDriver`.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
/// So often in a row an element may be replaced before something is said to it.
const REPLACED: usize = 10;

/// What is noted of each page from its beginning: what its policy stopped, and programs that failed.
const WATCH: &str = r#"
    window.__seen = [];
    addEventListener("securitypolicyviolation", e => __seen.push(`policy: ${e.violatedDirective} ${e.blockedURI} ${e.sample}`));
    addEventListener("error", e => __seen.push(`error: ${e.message} ${e.filename}:${e.lineno}`));
    addEventListener("unhandledrejection", e => __seen.push(`rejection: ${e.reason?.stack ?? e.reason}`));
    for (const name of ["alert", "confirm", "prompt", "open"]) window[name] = text => void __seen.push(`${name}: ${text}`);
"#;

/// A browser with one window. Dropping it ends all of its processes.
#[derive(Debug)]
pub struct Browser {
    driver: Child,
    // The driver writes there now and then, and must be able to.
    _output: BufReader<ChildStdout>,
    address: String,
    session: String,
    // Removed with the value.
    profile: TempDir,
}

/// Keys without a letter, as `WebDriver` names them.
pub mod key {
    #![expect(missing_docs, reason = "their names say it")]
    pub const TAB: &str = "\u{e004}";
    pub const ENTER: &str = "\u{e007}";
    pub const ESCAPE: &str = "\u{e00c}";
    pub const SPACE: &str = "\u{e00d}";
    pub const DOWN: &str = "\u{e015}";
}

impl Browser {
    /// Starts one without a face, and with nothing that it could tell anybody.
    pub fn start(driver: &Path, browser: &Path) -> Self {
        let profile = tempfile::tempdir().expect("a temporary directory");
        let mut command = Command::new(driver);
        command.arg("--port=0").process_group(0).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("the driver of the browser starts");
        let mut output = BufReader::new(child.stdout.take().expect("piped"));
        let port = eventually("the driver says its port", || {
            let mut line = String::new();
            output.read_line(&mut line).expect("its output can be read");
            let port = line.split("successfully on port ").nth(1)?.trim().trim_end_matches('.').to_owned();
            Some(port)
        });
        let mut started = Self {
            driver: child,
            _output: output,
            address: format!("127.0.0.1:{port}"),
            session: String::new(),
            profile,
        };
        let arguments = [
            "--headless".to_owned(),
            "--no-sandbox".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--disable-quic".to_owned(),
            "--no-first-run".to_owned(),
            "--disable-background-networking".to_owned(),
            "--disable-component-update".to_owned(),
            "--disable-sync".to_owned(),
            "--force-prefers-reduced-motion".to_owned(),
            format!("--user-data-dir={}", started.profile.path().display()),
        ];
        let asked = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": {"binary": find(browser), "args": arguments},
            "goog:loggingPrefs": {"browser": "ALL"},
        }}});
        let session = started.call("POST", "/session", &asked);
        session["sessionId"].as_str().expect("a session").clone_into(&mut started.session);
        started.devtools("Page.addScriptToEvaluateOnNewDocument", &json!({"source": WATCH}));
        started.resize(1280, 900);
        started
    }

    /// Opens an address.
    #[track_caller]
    pub fn open(&self, url: &str) {
        self.say("url", &json!({"url": url}));
    }

    /// Opens the present address again.
    #[track_caller]
    pub fn reload(&self) {
        self.say("refresh", &json!({}));
    }

    /// Runs the body of a function in the page, which may be asynchronous; what it returns.
    #[track_caller]
    pub fn run(&self, script: &str) -> Value {
        self.run_with(script, &json!([]))
    }

    /// The same with `arguments`.
    #[track_caller]
    pub fn run_with(&self, script: &str, arguments: &Value) -> Value {
        let script = format!("return (async (...given) => {{ {script} }})(...arguments)");
        self.say("execute/sync", &json!({"script": script, "args": arguments}))
    }

    /// Waits until an expression holds in the page.
    #[track_caller]
    pub fn until(&self, what: &str, expression: &str) {
        let script = format!("return Boolean({expression})");
        let mut tries = 0;
        until(&format!("{what}: {expression}"), || {
            tries += 1;
            if tries == 1500 {
                eprintln!("still not ({what}); the page shows:\n{}\nand has seen {:?}", self.text(), self.seen());
            }
            self.run(&script) == true
        });
    }

    /// Waits until the text of the page has these words.
    #[track_caller]
    pub fn until_shown(&self, words: &str) {
        self.until("it is shown", &format!("document.body.innerText.includes({})", json!(words)));
    }

    /// What a person reads.
    #[track_caller]
    pub fn text(&self) -> String {
        self.run("return document.body.innerText").as_str().unwrap_or_default().to_owned()
    }

    /// Clicks on what a selector finds, when it is there and can be clicked.
    #[track_caller]
    pub fn click(&self, selector: &str) {
        self.say_to(selector, "click", &json!({}));
    }

    /// Types into what a selector finds.
    #[track_caller]
    pub fn type_into(&self, selector: &str, text: &str) {
        self.say_to(selector, "value", &json!({"text": text}));
    }

    /// Presses and releases keys, one after the other, wherever the focus is.
    #[track_caller]
    pub fn press(&self, keys: &str) {
        let strokes = keys.chars().flat_map(|key| ["keyDown", "keyUp"].map(|kind| json!({"type": kind, "value": key})));
        let strokes: Vec<_> = strokes.collect();
        self.say("actions", &json!({"actions": [{"type": "key", "id": "keyboard", "actions": strokes}]}));
    }

    /// Minimizes the window, as somebody does who looks elsewhere: nobody sees what is in it.
    #[track_caller]
    pub fn look_away(&self) {
        self.say("window/minimize", &json!({}));
    }

    /// Shows the window again.
    #[track_caller]
    pub fn look_back(&self) {
        self.say("window/rect", &json!({"width": 1280, "height": 900}));
    }

    /// Says what pages of the present server may do, such as `notifications`: `granted`, `denied` or `prompt`.
    #[track_caller]
    pub fn permit(&self, what: &str, state: &str) {
        self.say("permissions", &json!({"descriptor": {"name": what}, "state": state}));
    }

    /// Makes the window so large.
    pub fn resize(&self, width: u32, height: u32) {
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500});
        self.devtools("Emulation.setDeviceMetricsOverride", &metrics);
    }

    /// Lets the system of the person like `dark` or `light` better.
    pub fn prefer(&self, colours: &str) {
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": colours}]});
        self.devtools("Emulation.setEmulatedMedia", &features);
    }

    /// The window as a picture (PNG).
    pub fn picture(&self) -> Vec<u8> {
        let taken = self.devtools("Page.captureScreenshot", &json!({"format": "png", "captureBeyondViewport": true}));
        STANDARD.decode(taken["data"].as_str().expect("a picture")).expect("a picture")
    }

    /// What the policy of the page stopped since it was opened, which of its programs failed, and what asked the person.
    #[track_caller]
    pub fn seen(&self) -> Vec<String> {
        let seen = self.run("return window.__seen ?? []");
        seen.as_array().into_iter().flatten().map(|line| line.as_str().unwrap_or_default().to_owned()).collect()
    }

    /// What the browser wrote into its console since it was asked last.
    #[track_caller]
    pub fn console(&self) -> Vec<String> {
        let lines = self.say("se/log", &json!({"type": "browser"}));
        lines.as_array().into_iter().flatten().map(|line| format!("{} {}", line["source"], line["message"])).collect()
    }

    /// Tells the browser's tools for developers.
    #[track_caller]
    pub fn devtools(&self, command: &str, parameters: &Value) -> Value {
        self.say("goog/cdp/execute", &json!({"cmd": command, "params": parameters}))
    }

    #[track_caller]
    fn element(&self, selector: &str) -> String {
        self.until("it is there", &format!("document.querySelector({})?.checkVisibility()", json!(selector)));
        let found = self.say("element", &json!({"using": "css selector", "value": selector}));
        found[ELEMENT].as_str().unwrap_or_else(|| panic!("{selector}: {found}")).to_owned()
    }

    #[track_caller]
    fn say(&self, path: &str, body: &Value) -> Value {
        self.call("POST", &format!("/session/{}/{path}", self.session), body)
    }

    /// Says something to what a selector finds. A page that lives may replace that in between: then to what is there instead.
    #[track_caller]
    fn say_to(&self, selector: &str, what: &str, body: &Value) {
        for _ in 0..REPLACED {
            let path = format!("/session/{}/element/{}/{what}", self.session, self.element(selector));
            let answer = self.ask("POST", &path, body);
            if answer.status != 404 || answer.json()["value"]["error"] != "stale element reference" {
                assert_eq!(answer.status, 200, "{path} {body}: {}", answer.text);
                return;
            }
        }
        panic!("{selector} is replaced again and again");
    }

    #[track_caller]
    fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        let answer = self.ask(method, path, body);
        assert_eq!(answer.status, 200, "{method} {path} {body}: {}", answer.text);
        answer.json()["value"].clone()
    }

    #[track_caller]
    fn ask(&self, method: &str, path: &str, body: &Value) -> http::Answer {
        let headers = [("content-type", "application/json; charset=utf-8")];
        let text = escaped(&body.to_string());
        let answer = http::call(&self.address, method, path, &headers, Some(text.as_bytes()));
        answer.unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The browser goes with its session, the driver by itself.
        let path = format!("/session/{}", self.session);
        let _ = http::call(&self.address, "DELETE", &path, &[], None);
        if let Some(group) = i32::try_from(self.driver.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.driver.wait();
    }
}

/// Where a program is that is named without a path: the driver does not look for it.
fn find(program: &Path) -> String {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let mut places = std::env::split_paths(&paths).map(|place| place.join(program));
    let found = places.find(|place| place.is_file()).unwrap_or_else(|| program.to_owned());
    found.display().to_string()
}

/// JSON in ASCII, which nobody reads in another way.
fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for character in json.chars() {
        if character.is_ascii() {
            text.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            // Writing to a string does not fail.
            let _ = write!(text, "\\u{unit:04x}");
        }
    }
    text
}
