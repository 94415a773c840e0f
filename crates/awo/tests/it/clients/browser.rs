//! The page of the documentation in a real browser, behind a small proxy that serves page and interface at one address.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use awo_testkit::programs;

use super::{Client, block, lines};
use crate::setting::{STEPS, Setting, completed};

/// Tells the test what the page shows whenever that changes. It is added to the page, which is otherwise as documented.
const TELL: &str = "<script>
  new MutationObserver(() => fetch('/shown', { method: 'POST', body: document.body.innerText }))
    .observe(document.body, { subtree: true, childList: true, characterData: true });
</script>";

/// Bytes after which the first stream is cut: some events are there, and not all.
const CUT: u64 = 2_500;

/// What the proxy is for one page.
struct Proxy {
    page: String,
    server: String,
    shown: Mutex<Sender<String>>,
    streams: AtomicUsize,
    /// Numbers that streams were resumed from.
    resumed: Mutex<Vec<String>>,
}

impl Proxy {
    fn serve(self: Arc<Self>, listener: TcpListener) {
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let proxy = Arc::clone(&self);
                // A browser that is gone is nobody's failure.
                thread::spawn(move || proxy.attend(&stream));
            }
        });
    }

    /// Answers one request, on a connection that ends with it.
    fn attend(&self, browser: &TcpStream) -> io::Result<()> {
        let mut reader = BufReader::new(browser.try_clone()?);
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            if reader.read_until(b'\n', &mut head)? == 0 {
                return Ok(());
            }
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let field = |name: &str| {
            let mut fields = head.lines().filter_map(|line| line.split_once(": "));
            fields.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
        };
        let path = head.split(' ').nth(1).unwrap_or_default();
        if path.starts_with("/agent-work-orders/") {
            self.resumed.lock().unwrap().extend(field("last-event-id"));
            return self.forward(browser, &head);
        }
        let length = field("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        if path == "/shown" {
            let _ = self.shown.lock().unwrap().send(String::from_utf8_lossy(&body).into_owned());
        }
        let page = if path.starts_with("/follow.html") { &*self.page } else { "" };
        let length = page.len();
        let mut answer = browser;
        write!(
            answer,
            "HTTP/1.1 200 OK\r\ncontent-type: text/html; charset=utf-8\r\nconnection: close\r\n\
             content-length: {length}\r\n\r\n{page}"
        )
    }

    /// Passes a request on as it is, and its answer back; the first one is cut.
    fn forward(&self, mut browser: &TcpStream, head: &str) -> io::Result<()> {
        let mut server = TcpStream::connect(&self.server)?;
        server.write_all(head.as_bytes())?;
        let bytes = if self.streams.fetch_add(1, Ordering::SeqCst) == 0 { CUT } else { u64::MAX };
        let mut answer = server.take(bytes);
        let mut piece = [0; 4096];
        while let Ok(count @ 1..) = answer.read(&mut piece) {
            browser.write_all(&piece[..count])?;
        }
        browser.shutdown(Shutdown::Both)
    }
}

#[test]
fn a_page_follows_an_order_in_a_browser_across_a_lost_connection() {
    let Some(chromium) = programs::real("chromium") else { return };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://localhost:{}", listener.local_addr().unwrap().port());
    let setting = Setting::with(&[("AWO_PUBLIC_URL", &origin)]);
    setting.agent.hold("implementor");
    let server = setting.program.serve();
    let id = setting.create(&server);
    let (shown, seen) = channel();
    let proxy = Arc::new(Proxy {
        page: block("A page in a browser", 0) + TELL,
        server: server.address().trim_start_matches("http://").to_owned(),
        shown: Mutex::new(shown),
        streams: AtomicUsize::new(0),
        resumed: Mutex::default(),
    });
    Arc::clone(&proxy).serve(listener);

    let profile = setting.program.place().join("browser");
    let mut browser = Command::new(chromium);
    browser.args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]);
    browser.args(["--disable-background-networking", "--disable-component-update", "--disable-sync"]);
    browser.arg(format!("--user-data-dir={}", profile.display())).arg("--remote-debugging-port=0");
    browser.arg(format!("{origin}/follow.html?{id}")).process_group(0);
    let mut child = browser.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let client = Client { lines: lines(&mut child), child };

    let wait_for = |words: &str| {
        loop {
            let text: String = seen.recv_timeout(Duration::from_mins(1)).expect(words);
            if text.contains(words) {
                return text;
            }
        }
    };
    wait_for("generate_branch ok");
    setting.agent.release("implementor");
    let text = wait_for("completed");
    let steps: Vec<_> = text.lines().filter_map(|line| line.strip_suffix(" ok")).collect();
    assert_eq!(steps, STEPS, "{text}");
    completed(&server, &id);
    assert!(!proxy.resumed.lock().unwrap().is_empty(), "the browser did not come back with the number of an event");
    drop(client);
}
