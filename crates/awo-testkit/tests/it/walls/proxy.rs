//! The proxy, from within the walls: it leads to the hosts that are allowed, and to nothing else.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, Mutex};

use awo_adapters::{AllowedHosts, WallKind};
use awo_models::{FailureCode, Network};

use super::{Prison, answer};

/// A server on loopback that answers one word, and remembers what it was told.
struct Echo {
    port: u16,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Echo {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&asked);
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut words = [0; 4096];
                let length = stream.read(&mut words).unwrap_or(0);
                let words = String::from_utf8_lossy(&words[..length]).into_owned();
                let head = if words.starts_with("ping") { "" } else { "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n" };
                told.lock().unwrap().push(words);
                let _ = stream.write_all(format!("{head}pong").as_bytes());
            }
        });
        Self { port, heard: asked }
    }

    fn heard(&self) -> Vec<String> {
        std::mem::take(&mut self.heard.lock().unwrap())
    }
}

#[tokio::test]
async fn an_agent_reaches_an_allowed_server_by_the_proxy_and_no_other() {
    let Some(mut prison) = Prison::new(WallKind::Bubblewrap).await else { return };
    let (echo, other) = (Echo::start(), Echo::start());
    prison.allowed = AllowedHosts::trusted([format!("127.0.0.1:{}", echo.port)]).unwrap();
    let sandbox = prison.prepare().await;
    let (port, closed) = (echo.port, other.port);
    let tunnel =
        |authority: &str| format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n");
    let plain =
        |authority: &str| format!("GET http://{authority}/v1?a=b HTTP/1.1\r\nHost: evil\r\nConnection: close\r\n\r\n");
    let allowed = [format!("{}ping", tunnel(&format!("127.0.0.1:{port}"))), plain(&format!("127.0.0.1:{port}"))];
    let refused = [
        tunnel(&format!("127.0.0.1:{closed}")),
        plain(&format!("127.0.0.1:{closed}")),
        tunnel(&format!("localhost:{port}")),
        tunnel(&format!("[::ffff:127.0.0.1]:{port}")),
        tunnel(&format!("127.1:{port}")),
        tunnel("169.254.169.254:80"),
        tunnel("api.anthropic.com:443"),
    ];
    let args: Vec<&str> = ["asks"].into_iter().chain(allowed.iter().chain(&refused).map(String::as_str)).collect();
    let report = prison.execute(&*sandbox, &prison.prisoner(), &args, Network::Proxy).await;
    let answers: Vec<&str> = answer(&report).lines().collect();
    let status = |line: &str| line.get(9..12).unwrap_or(line).to_owned();
    let statuses: Vec<_> = answers.iter().map(|line| status(line)).collect();
    assert_eq!(statuses, ["200", "200", "403", "403", "403", "403", "400", "403", "403"], "{answers:#?}");
    assert!(answers[..2].iter().all(|line| line.ends_with("pong")), "{answers:#?}");
    let heard = echo.heard();
    assert_eq!(heard[0], "ping");
    let (line, host) = ("GET /v1?a=b HTTP/1.1\r\n", format!("host: 127.0.0.1:{port}\r\n"));
    assert!(heard[1].starts_with(line) && heard[1].contains(&host) && !heard[1].contains("evil"), "{heard:?}");
    assert_eq!((heard.len(), other.heard().len()), (2, 0));
    let told: Vec<_> = report.warnings.iter().map(|warning| (warning.code, warning.message.to_string())).collect();
    assert_eq!(told.len(), 6, "{told:#?}");
    assert!(told.iter().all(|(code, _)| *code == FailureCode::NetworkRefused));
    let twice = format!("127.0.0.1:{closed} (2 times): it is not an allowed host");
    assert!(told.iter().any(|(_, message)| message.contains(&twice)), "{told:#?}");
}

#[tokio::test]
async fn with_the_proxy_agents_have_their_own_loopback_and_no_names() {
    let Some(prison) = Prison::new(WallKind::Bubblewrap).await else { return };
    let sandbox = prison.prepare().await;
    let script = "echo $HTTP_PROXY $https_proxy $ALL_PROXY $NO_PROXY; cat /etc/hosts; ls /etc/resolv.conf 2>/dev/null; \
                  ls /run/awo; cat /proc/*/comm";
    let report = prison.execute(&*sandbox, Path::new("/bin/sh"), &["-c", script], Network::Proxy).await;
    let lines: Vec<&str> = answer(&report).lines().collect();
    let proxy = "http://127.0.0.1:3128";
    assert_eq!(lines[0], format!("{proxy} {proxy} {proxy} localhost,127.0.0.1,::1"));
    assert_eq!(lines[1..5], ["127.0.0.1 localhost", "::1 localhost", "inside", "proxy"]);
    assert!(lines.contains(&"awo-forward"), "{lines:?}");
    assert_eq!(prison.processes.end_all(super::order()).await.unwrap(), 0, "nothing is left");
}
