//! The proxy, asked in every spelling: what it dials is what was judged, and all else gets no further than its answer.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::connection::{Bounds, serve};
use super::reach::{Dial, Outward};
use super::refusals::Refusals;
use super::{AllowedHosts, Proxy, variables};
use crate::NameLookup;

/// Knows some names, and what they lead to the first time and the next.
#[derive(Debug)]
struct Names(Mutex<BTreeMap<&'static str, VecDeque<Vec<IpAddr>>>>);

#[async_trait]
impl NameLookup for Names {
    async fn addresses(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let mut names = self.0.lock().unwrap();
        let answers = names.get_mut(host).ok_or(io::ErrorKind::NotFound)?;
        let answer = answers.pop_front().ok_or(io::ErrorKind::NotFound)?;
        answers.push_back(answer.clone());
        Ok(answer)
    }
}

/// Notes what is dialled, and leads it all to a server of the test.
#[derive(Debug)]
struct Dialled {
    server: SocketAddr,
    addresses: Mutex<Vec<SocketAddr>>,
}

#[async_trait]
impl Dial for Dialled {
    async fn dial(&self, address: SocketAddr) -> io::Result<TcpStream> {
        self.addresses.lock().unwrap().push(address);
        TcpStream::connect(self.server).await
    }
}

/// A proxy, and who is asked by it.
struct Way {
    place: tempfile::TempDir,
    socket: PathBuf,
    dialled: Arc<Dialled>,
    refusals: Arc<Refusals>,
    /// Connections at the server.
    arrived: mpsc::UnboundedReceiver<TcpStream>,
    _tasks: JoinSet<()>,
}

impl Way {
    async fn open(bounds: Bounds) -> Self {
        let place = tempfile::tempdir().unwrap();
        let socket = place.path().join("proxy");
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let dialled = Arc::new(Dialled { server: listener.local_addr().unwrap(), addresses: Mutex::default() });
        let refusals = Arc::new(Refusals::default());
        let (newcomers, arrived) = mpsc::unbounded_channel();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let _ = newcomers.send(stream);
            }
        });
        let outward = Outward { allowed: allowed(), names: Arc::new(names()), dial: Arc::<Dialled>::clone(&dialled) };
        let listener = UnixListener::bind(&socket).unwrap();
        tasks.spawn(serve(listener, outward, Arc::clone(&refusals), bounds));
        Self { place, socket, dialled, refusals, arrived, _tasks: tasks }
    }

    async fn connect(&self) -> UnixStream {
        UnixStream::connect(&self.socket).await.unwrap()
    }

    /// Sends a whole request; the status of the answer, or nothing if the connection was just closed.
    async fn status(&mut self, request: &[u8]) -> String {
        let mut stream = self.connect().await;
        // It may be closed before all is said.
        let _ = stream.write_all(request).await;
        let mut status = [0; 12];
        match stream.read_exact(&mut status).await {
            Ok(_) => String::from_utf8_lossy(&status[9..]).into_owned(),
            Err(_) => String::new(),
        }
    }

    fn take_dialled(&self) -> Vec<String> {
        std::mem::take(&mut *self.dialled.addresses.lock().unwrap()).iter().map(ToString::to_string).collect()
    }

    /// A tunnel to an allowed host, from both ends.
    async fn tunnel(&mut self) -> (UnixStream, TcpStream) {
        let mut inside = self.connect().await;
        inside.write_all(b"CONNECT api.example:443 HTTP/1.1\r\n\r\n").await.unwrap();
        let outside = self.arrived.recv().await.unwrap();
        until_blank(&mut inside).await;
        (inside, outside)
    }
}

fn allowed() -> AllowedHosts {
    let public = [
        "api.example",
        "*.corp.example:8443",
        "1.1.1.1",
        "2606:50c0:8000::153",
        "[::ffff:140.82.112.3]:443",
        "inside.example",
        "metadata.example",
        "mixed.example",
        "moves.example",
        "nobody.example",
        "127.0.0.1:81",
        "[::1]:81",
        "[::ffff:127.0.0.1]:81",
        "xn--bcher-kva.example",
        "evil.example:80",
    ];
    let trusted = ["near.example:8080", "127.0.0.1:4000", "near.example:80"];
    AllowedHosts::public(public).unwrap().and(AllowedHosts::trusted(trusted).unwrap())
}

fn names() -> Names {
    let one = "140.82.112.3";
    let names: [(&str, &[&[&str]]); 9] = [
        ("api.example", &[&[one]]),
        ("a.corp.example", &[&[one]]),
        ("inside.example", &[&["10.0.0.1"]]),
        ("metadata.example", &[&["169.254.169.254"]]),
        ("mixed.example", &[&[one, "127.0.0.1"]]),
        ("moves.example", &[&[one], &["127.0.0.1"]]),
        ("near.example", &[&["10.0.0.9"]]),
        ("xn--bcher-kva.example", &[&[one]]),
        ("evil.example", &[&[one]]),
    ];
    let read = |answers: &[&[&str]]| {
        answers.iter().map(|answer| answer.iter().map(|text| text.parse().unwrap()).collect()).collect()
    };
    Names(Mutex::new(names.into_iter().map(|(name, answers)| (name, read(answers))).collect()))
}

/// Reads to the end of a head.
async fn until_blank(stream: &mut UnixStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

#[tokio::test]
async fn what_is_dialled_is_what_was_asked_for_and_judged() {
    let mut way = Way::open(Bounds::default()).await;
    for (authority, dialled) in [
        ("api.example:443", "140.82.112.3:443"),
        ("API.Example:443", "140.82.112.3:443"),
        ("a.corp.example:8443", "140.82.112.3:8443"),
        ("1.1.1.1:443", "1.1.1.1:443"),
        ("[2606:50c0:8000::153]:443", "[2606:50c0:8000::153]:443"),
        ("[2606:50C0:8000:0:0:0:0:153]:443", "[2606:50c0:8000::153]:443"),
        ("[::FFFF:140.82.112.3]:443", "[::ffff:140.82.112.3]:443"),
        ("near.example:8080", "10.0.0.9:8080"),
        ("127.0.0.1:4000", "127.0.0.1:4000"),
        ("xn--bcher-kva.example:443", "140.82.112.3:443"),
    ] {
        let request = format!("CONNECT {authority} HTTP/1.1\r\nHost: another.example\r\n\r\n");
        assert_eq!(way.status(request.as_bytes()).await, "200", "{authority}");
        assert_eq!(way.take_dialled(), [dialled], "{authority}");
    }
    assert!(way.refusals.told().is_empty());
}

/// Spellings of hosts and ports that some program or other reads as something else.
const AUTHORITIES: [&str; 64] = [
    // Other hosts, ports and networks.
    "other.example:443",
    "api.example:80",
    "api.example:4430",
    "corp.example:8443",
    "evilcorp.example:8443",
    "api.example.evil:443",
    "evil-api.example:443",
    "169.254.169.254:80",
    "127.0.0.1:443",
    "127.0.0.1:81",
    "[::1]:81",
    "[::ffff:127.0.0.1]:81",
    "[::ffff:7f00:1]:81",
    "[0:0:0:0:0:0:0:1]:81",
    "localhost:4000",
    "[::1]:4000",
    "[::ffff:127.0.0.1]:4000",
    "[64:ff9b::7f00:1]:4000",
    "0.0.0.0:4000",
    "[::]:4000",
    "inside.example:443",
    "metadata.example:443",
    "mixed.example:443",
    "near.example:443",
    // Addresses in other clothes.
    "127.1:4000",
    "127.0.1:4000",
    "2130706433:4000",
    "0x7f000001:4000",
    "0x7f.0.0.1:4000",
    "0177.0.0.1:4000",
    "017700000001:4000",
    "127.0.0.01:4000",
    "127.0.0.1.:4000",
    "127.0.0.0x1:4000",
    "1.1:443",
    "16843009:443",
    "[127.0.0.1]:4000",
    "[::1%lo]:81",
    "[::1%25lo]:81",
    "[fe80::1%eth0]:443",
    "::1:81",
    "[::1:81",
    "::1]:81",
    // Names in other clothes.
    "api.example.:443",
    ".api.example:443",
    "api..example:443",
    "api.example%00.evil.example:443",
    "api%2eexample:443",
    "b\u{fc}cher.example:443",
    "api\u{3002}example:443",
    "api\u{ff0e}example:443",
    "\u{ff41}pi.example:443",
    "*.corp.example:8443",
    "-api.example:443",
    "",
    // Ports and parts that do not belong.
    "api.example",
    "api.example:",
    "api.example:0443",
    "api.example:+443",
    "api.example:65979",
    "api.example:443:443",
    "user@api.example:443",
    "user:password@api.example:443",
    "api.example:443@evil.example:443",
];

#[tokio::test]
async fn no_spelling_leads_anywhere_else() {
    let mut way = Way::open(Bounds::default()).await;
    let long = format!("{}.example:443", "a".repeat(20_000));
    let labels = format!("{}example:443", "a.".repeat(200));
    let more = [long.as_str(), labels.as_str()];
    for authority in AUTHORITIES.iter().copied().chain(more) {
        for request in [
            format!("CONNECT {authority} HTTP/1.1\r\nHost: api.example:443\r\n\r\n"),
            format!("GET http://{authority}/ HTTP/1.1\r\nHost: api.example:443\r\n\r\n"),
        ] {
            let status = way.status(request.as_bytes()).await;
            assert!(!status.starts_with('2') && !status.starts_with('5'), "{request:?}: {status}");
            assert_eq!(way.take_dialled(), [] as [&str; 0], "{request:?}");
        }
    }
    assert!(way.refusals.told().len() > 10);
}

#[tokio::test]
async fn what_is_no_request_of_a_proxy_is_refused() {
    let mut way = Way::open(Bounds::default()).await;
    let requests: [&[u8]; 22] = [
        b"GET / HTTP/1.1\r\nHost: api.example\r\n\r\n",
        b"GET //near.example/ HTTP/1.1\r\nHost: near.example\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: near.example\r\n\r\n",
        b"GET near.example:80 HTTP/1.1\r\nHost: near.example\r\n\r\n",
        b"GET https://api.example/ HTTP/1.1\r\nHost: api.example\r\n\r\n",
        b"GET https://api.example:443/ HTTP/1.1\r\nHost: api.example\r\n\r\n",
        b"GET ftp://near.example/ HTTP/1.1\r\nHost: near.example\r\n\r\n",
        b"GET http:near.example/ HTTP/1.1\r\nHost: near.example\r\n\r\n",
        b"GET http:///near.example/ HTTP/1.1\r\nHost: near.example\r\n\r\n",
        b"GET http://near.example/ HTTP/1.1\r\nHost: near.example\r\nHost: evil.example\r\n\r\n",
        b"CONNECT api.example:443 HTTP/1.1\r\nHost: api.example:443\r\nHost: evil.example\r\n\r\n",
        b"CONNECT api.example:443/path HTTP/1.1\r\n\r\n",
        b"CONNECT http://api.example:443 HTTP/1.1\r\n\r\n",
        b"CONNECT http://api.example:443/ HTTP/1.1\r\n\r\n",
        b"CONNECT /api.example:443 HTTP/1.1\r\n\r\n",
        b"CONNECT api.example:443 evil.example:443 HTTP/1.1\r\n\r\n",
        b"CONNECT api.example\0.evil.example:443 HTTP/1.1\r\n\r\n",
        b"CONNECT api.example:443\0 HTTP/1.1\r\n\r\n",
        b"CONNECT api.example\t:443 HTTP/1.1\r\n\r\n",
        b"CONNECT api.example:443 HTTP/2.0\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x05\x01\x00\x05\x01\x00\x03\x0bapi.example\x01\xbb\r\n\r\n",
    ];
    for request in requests {
        let status = way.status(request).await;
        assert!(["", "400", "505"].contains(&&*status), "{}: {status}", request.escape_ascii());
        assert_eq!(way.take_dialled(), [] as [&str; 0], "{}", request.escape_ascii());
    }
}

#[tokio::test]
async fn a_name_is_judged_by_what_it_leads_to_each_time() {
    let mut way = Way::open(Bounds::default()).await;
    let mut told = Vec::new();
    for _ in 0..4 {
        told.push(way.status(b"CONNECT moves.example:443 HTTP/1.1\r\n\r\n").await);
    }
    assert_eq!(told, ["200", "403", "200", "403"]);
    assert_eq!(way.take_dialled(), ["140.82.112.3:443"; 2]);
    assert_eq!(way.status(b"CONNECT nobody.example:443 HTTP/1.1\r\n\r\n").await, "502");
    let told: Vec<_> = way.refusals.told().iter().map(|failure| failure.message.to_string()).collect();
    assert!(told[0].contains("moves.example:443 (2 times): it leads to 127.0.0.1"), "{told:?}");
    assert!(told[1].contains("nobody.example:443: its address cannot be found"), "{told:?}");
}

#[tokio::test]
async fn a_tunnel_carries_bytes_both_ways_and_its_ends() {
    let mut way = Way::open(Bounds::default()).await;
    let mut inside = way.connect().await;
    // Whoever is sure of the answer speaks on at once.
    inside.write_all(b"CONNECT api.example:443 HTTP/1.1\r\nHost: api.example:443\r\n\r\nearly").await.unwrap();
    let mut outside = way.arrived.recv().await.unwrap();
    let head = until_blank(&mut inside).await;
    assert!(head.starts_with("HTTP/1.1 200 ") && !head.contains("content-length"), "{head}");
    let mut words = [0; 5];
    outside.read_exact(&mut words).await.unwrap();
    assert_eq!(&words, b"early");
    let many = vec![7; 3 << 20];
    let (sent, mut received) = (many.clone(), Vec::new());
    let sending = async {
        outside.write_all(&sent).await.unwrap();
        outside.shutdown().await.unwrap();
    };
    tokio::join!(sending, async { inside.read_to_end(&mut received).await.unwrap() });
    assert!(received == many, "{} bytes", received.len());
    inside.write_all(b"last").await.unwrap();
    drop(inside);
    let mut rest = String::new();
    outside.read_to_string(&mut rest).await.unwrap();
    assert_eq!(rest, "last", "one end can go on when the other has no more to say");
}

#[tokio::test]
async fn an_exchange_is_named_as_it_was_judged_and_its_body_passes() {
    let mut way = Way::open(Bounds::default()).await;
    let mut inside = way.connect().await;
    for number in 0..2 {
        let head = "POST http://Near.example/v1?x=1 HTTP/1.1\r\nHost: evil.example\r\nProxy-Authorization: Basic x\r\n\
                    Connection: x-mine, keep-alive\r\nX-Mine: 1\r\nX-Kept: 1\r\nContent-Length: 1000000\r\n\r\n";
        let body = vec![b'b'; 1_000_000];
        let asks = async {
            inside.write_all(head.as_bytes()).await.unwrap();
            inside.write_all(&body).await.unwrap();
        };
        let answers = async {
            let mut outside = way.arrived.recv().await.unwrap();
            let mut received = Vec::new();
            let end = |received: &[u8]| received.windows(4).position(|part| part == b"\r\n\r\n").map(|at| at + 4);
            while end(&received).is_none_or(|end| received.len() < end + body.len()) {
                outside.read_buf(&mut received).await.unwrap();
            }
            outside.write_all(b"HTTP/1.1 201 Made\r\nContent-Length: 2\r\nX-Kept: 1\r\n\r\nok").await.unwrap();
            String::from_utf8(received[..end(&received).unwrap()].to_vec()).unwrap().to_ascii_lowercase()
        };
        let ((), received) = tokio::join!(asks, answers);
        assert!(
            received.starts_with("post /v1?x=1 http/1.1\r\n") && received.contains("host: near.example:80\r\n"),
            "{received}"
        );
        assert!(received.contains("x-kept: 1\r\n") && received.contains("content-length: 1000000\r\n"), "{received}");
        assert!(
            !received.contains("evil") && !received.contains("proxy") && !received.contains("x-mine"),
            "{received}"
        );
        let told = until_blank(&mut inside).await;
        assert!(told.starts_with("HTTP/1.1 201 ") && told.contains("x-kept: 1"), "{number}: {told}");
        let mut body = [0; 2];
        inside.read_exact(&mut body).await.unwrap();
        assert_eq!(&body, b"ok");
    }
    assert_eq!(way.take_dialled(), ["10.0.0.9:80"; 2]);
}

#[tokio::test]
async fn silence_and_half_a_head_are_not_waited_for() {
    let brief = Duration::from_millis(50);
    let mut way = Way::open(Bounds { idle: brief, ..Bounds::default() }).await;
    let (mut inside, mut outside) = way.tunnel().await;
    assert_eq!(inside.read(&mut [0; 8]).await.unwrap(), 0);
    assert_eq!(outside.read(&mut [0; 8]).await.unwrap(), 0);

    let way = Way::open(Bounds { head_time: brief, ..Bounds::default() }).await;
    for words in ["", "CONNECT api.example:443 HTTP/1.1\r\nHo"] {
        let mut inside = way.connect().await;
        inside.write_all(words.as_bytes()).await.unwrap();
        let mut told = String::new();
        inside.read_to_string(&mut told).await.unwrap();
        assert!(told.is_empty() || told.starts_with("HTTP/1.1 408 "), "{told}");
    }
    assert_eq!(way.take_dialled(), [] as [&str; 0]);
}

#[tokio::test]
async fn who_comes_when_all_places_are_taken_waits_for_one() {
    let mut way = Way::open(Bounds { connections: 1, ..Bounds::default() }).await;
    let (mut inside, mut outside) = way.tunnel().await;
    let mut second = way.connect().await;
    second.write_all(b"CONNECT 1.1.1.1:443 HTTP/1.1\r\n\r\n").await.unwrap();
    for _ in 0..10 {
        inside.write_all(b"1").await.unwrap();
        outside.read_u8().await.unwrap();
    }
    assert_eq!(way.take_dialled(), ["140.82.112.3:443"]);
    drop((inside, outside));
    assert!(until_blank(&mut second).await.starts_with("HTTP/1.1 200 "));
    assert_eq!(way.take_dialled(), ["1.1.1.1:443"]);
}

#[tokio::test]
async fn a_proxy_is_its_owners_alone_and_ends_with_all_its_connections() {
    use std::os::unix::fs::PermissionsExt as _;
    let way = Way::open(Bounds::default()).await;
    // Longer than the address of a socket may be.
    let deep = way.place.path().join("d".repeat(120));
    std::fs::create_dir(&deep).unwrap();
    let outward = Outward { allowed: allowed(), names: Arc::new(names()), dial: Arc::<Dialled>::clone(&way.dialled) };
    let proxy = Proxy::open(&deep, None, outward).await.unwrap();
    assert_eq!(std::fs::metadata(proxy.socket()).unwrap().permissions().mode() & 0o777, 0o600);
    let directory = std::fs::File::open(&deep).unwrap();
    let near = format!("/proc/self/fd/{}/proxy", std::os::fd::AsRawFd::as_raw_fd(&directory));
    let mut inside = UnixStream::connect(near).await.unwrap();
    inside.write_all(b"CONNECT 1.1.1.1:443 HTTP/1.1\r\n\r\n").await.unwrap();
    until_blank(&mut inside).await;
    drop(proxy);
    assert_eq!(inside.read(&mut [0; 8]).await.unwrap(), 0);
}

#[test]
fn programs_find_the_proxy_in_both_spellings_and_keep_their_own_loopback() {
    let told =
        |allowed: &AllowedHosts| variables("http://127.0.0.1:3128", allowed).into_iter().collect::<BTreeMap<_, _>>();
    let plain = told(&AllowedHosts::default());
    assert_eq!(plain.len(), 8);
    assert_eq!((&*plain["https_proxy"], &*plain["NO_PROXY"]), ("http://127.0.0.1:3128", "localhost,127.0.0.1,::1"));
    let near = AllowedHosts::trusted(["127.0.0.1:4000", "[::1]:4000"]).unwrap();
    assert_eq!(told(&near)["no_proxy"], "localhost", "what they may reach out there is not their own");
}
