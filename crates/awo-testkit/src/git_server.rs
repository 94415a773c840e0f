//! A git server on this machine, over https and with a login: `git http-backend` behind the certificate of the tests.
//!
//! It serves one repository as `owner/repo.git`, writes down what it is asked, and fails in the middle of a transfer where
//! a test says so. From then on it is down, until the test says otherwise.

#![expect(clippy::missing_panics_doc, reason = "a server that cannot be started as described proves nothing")]

mod wire;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::TestCertificate;
use wire::Request;

/// The path under which the repository is served.
const SERVED: &str = "/owner/repo.git";
/// What is in a request for the list of branches.
const LISTING: &[u8] = b"command=ls-refs";
/// Longest time without a byte.
const SILENCE: Duration = Duration::from_secs(90);

type Stream = BufReader<StreamOwned<ServerConnection, TcpStream>>;

/// What happens to the next transfer of a service instead of its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GitFault {
    /// The connection is cut when so many bytes of what is sent were read; git never sees them.
    CutRequest(usize),
    /// All is done that was asked, and the connection cut after so many bytes of the answer.
    CutAnswer(usize),
}

/// A request, as it was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitRequest {
    /// Path within the repository, with the query.
    pub path: String,
    /// What it logged in with: `user:password`.
    pub login: Option<String>,
    /// The code of the answer; `None` if it was cut.
    pub status: Option<u16>,
}

#[derive(Debug, Default)]
struct State {
    token: Option<String>,
    fault: Option<(String, GitFault)>,
    down: bool,
    connections: usize,
    requests: Vec<GitRequest>,
}

#[derive(Debug)]
struct Shared {
    repository: PathBuf,
    tls: Arc<ServerConfig>,
    state: Mutex<State>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The server. It answers until the process ends.
#[derive(Debug, Clone)]
pub struct GitServer {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl GitServer {
    /// One on a free port of loopback, for a bare repository. Everybody may read and write, until a token is wanted.
    pub fn new(repository: &Path) -> Self {
        Self::at((Ipv4Addr::LOCALHOST, 0).into(), repository)
    }

    /// One at an address.
    pub fn at(address: SocketAddr, repository: &Path) -> Self {
        let listener = TcpListener::bind(address).expect("the address is free");
        let address = listener.local_addr().expect("it is bound");
        let shared = Arc::new(Shared { repository: repository.to_owned(), tls: tls(), state: Mutex::default() });
        let served = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let shared = Arc::clone(&served);
                std::thread::spawn(move || serve(stream, &shared));
            }
        });
        Self { address, shared }
    }

    /// The certificate that whoever trusts it needs.
    pub fn certificate() -> PathBuf {
        TestCertificate::usual().certificate
    }

    /// Where it listens.
    pub fn address(&self) -> IpAddr {
        self.address.ip()
    }

    /// Its host and port, as `localhost:8443`.
    pub fn host(&self) -> String {
        format!("localhost:{}", self.address.port())
    }

    /// The address of its repository.
    pub fn url(&self) -> String {
        format!("https://{}{SERVED}", self.host())
    }

    /// Takes this token from now on, and no other.
    pub fn wants(&self, token: &str) {
        self.shared.state().token = Some(token.to_owned());
    }

    /// Fails the next transfer of a pack by a service, `git-upload-pack` or `git-receive-pack`, and is down then.
    pub fn fails(&self, service: &str, fault: GitFault) {
        self.shared.state().fault = Some((service.to_owned(), fault));
    }

    /// Whether it is down: it closes every connection at once.
    pub fn is_down(&self) -> bool {
        self.shared.state().down
    }

    /// Is down, or no more.
    pub fn set_down(&self, down: bool) {
        self.shared.state().down = down;
    }

    /// How many connections there were.
    pub fn connections(&self) -> usize {
        self.shared.state().connections
    }

    /// What it was asked, in order.
    pub fn requests(&self) -> Vec<GitRequest> {
        self.shared.state().requests.clone()
    }
}

fn tls() -> Arc<ServerConfig> {
    let TestCertificate { certificate, key } = TestCertificate::usual();
    let certificate = CertificateDer::from_pem_file(certificate).expect("a certificate");
    let key = PrivateKeyDer::from_pem_file(key).expect("a key");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("the key is that of the certificate");
    Arc::new(config)
}

/// Answers the one request of a connection.
fn serve(stream: TcpStream, shared: &Shared) {
    {
        let mut state = shared.state();
        state.connections += 1;
        if state.down {
            return;
        }
    }
    let _ = stream.set_read_timeout(Some(SILENCE));
    let Ok(connection) = ServerConnection::new(Arc::clone(&shared.tls)) else { return };
    let mut stream = BufReader::new(StreamOwned::new(connection, stream));
    let Some(request) = wire::head(&mut stream) else { return };
    let Some(path) = request.path.strip_prefix(SERVED).map(str::to_owned) else {
        return answer(&mut stream, "404 Not Found", "", b"");
    };
    let status = answered(&mut stream, &request, &path, shared);
    let query = if request.query.is_empty() { String::new() } else { format!("?{}", request.query) };
    shared.state().requests.push(GitRequest { path: format!("{path}{query}"), login: request.login, status });
    if status.is_some() {
        // What was not read would make the end of the connection look like a fault.
        let _ = stream.get_mut().sock.shutdown(Shutdown::Write);
    }
}

/// The code of the answer; `None` if it was cut.
fn answered(stream: &mut Stream, request: &Request, path: &str, shared: &Shared) -> Option<u16> {
    // The list of branches is asked for by the same service as a pack.
    let is_listing = request.method == "POST" && stream.fill_buf().ok()?.windows(LISTING.len()).any(|it| it == LISTING);
    let (token, fault) = {
        let mut state = shared.state();
        let fault = state.fault.take_if(|(service, _)| !is_listing && path == format!("/{service}"));
        (state.token.clone(), fault.map(|(_, fault)| fault))
    };
    let is_known = token.is_none_or(|token| request.login == Some(format!("x-access-token:{token}")));
    if !is_known {
        wire::body(stream, request, usize::MAX)?;
        answer(stream, "401 Unauthorized", "www-authenticate: Basic realm=\"git\"\r\n", b"who are you?\n");
        return Some(401);
    }
    if let Some(GitFault::CutRequest(most)) = fault {
        wire::body(stream, request, most)?;
        return cut(stream, shared);
    }
    let body = wire::body(stream, request, usize::MAX)?;
    let (status, headers, content) = backend(request, path, body, &shared.repository);
    if let Some(GitFault::CutAnswer(most)) = fault {
        let shown = &content[..most.min(content.len().saturating_sub(1))];
        let head = format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n", content.len());
        let _ = stream.get_mut().write_all(&[head.as_bytes(), shown].concat());
        let _ = stream.get_mut().flush();
        return cut(stream, shared);
    }
    answer(stream, &status, &headers, &content);
    status.split(' ').next()?.parse().ok()
}

fn cut(stream: &Stream, shared: &Shared) -> Option<u16> {
    shared.state().down = true;
    let _ = stream.get_ref().sock.shutdown(Shutdown::Both);
    None
}

fn answer(stream: &mut Stream, status: &str, headers: &str, content: &[u8]) {
    let head = format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n", content.len());
    let out = stream.get_mut();
    // Whoever asked may be gone.
    let _ = out.write_all(head.as_bytes()).and_then(|()| out.write_all(content)).and_then(|()| out.flush());
    out.conn.send_close_notify();
    let _ = out.flush();
}

/// What `git http-backend` answers: status, headers, content.
fn backend(request: &Request, path: &str, body: Vec<u8>, repository: &Path) -> (String, String, Vec<u8>) {
    let mut command = Command::new("git");
    command
        .arg("http-backend")
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("HOME", "/nonexistent")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("GIT_PROJECT_ROOT", repository)
        .env("PATH_INFO", path)
        .env("QUERY_STRING", &request.query)
        .env("REQUEST_METHOD", &request.method)
        // Who has a name may push.
        .env("REMOTE_USER", "somebody")
        .env("REMOTE_ADDR", "127.0.0.1")
        .env("CONTENT_TYPE", &request.content_type)
        .env("CONTENT_LENGTH", body.len().to_string())
        .env("HTTP_CONTENT_ENCODING", &request.content_encoding)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    if !request.git_protocol.is_empty() {
        command.env("GIT_PROTOCOL", &request.git_protocol);
    }
    let mut child = command.spawn().expect("git runs");
    let mut input = child.stdin.take().expect("piped");
    // It may answer before it has read everything.
    let writer = std::thread::spawn(move || input.write_all(&body));
    let mut said = Vec::new();
    child.stdout.take().expect("piped").read_to_end(&mut said).expect("its answer can be read");
    let _ = writer.join();
    let _ = child.wait();
    let end = said.windows(4).position(|four| four == b"\r\n\r\n").expect("an answer has headers");
    let head = String::from_utf8_lossy(&said[..end]).into_owned();
    let content = said.split_off(end + 4);
    let mut status = "200 OK".to_owned();
    let mut headers = String::new();
    for line in head.lines() {
        match line.strip_prefix("Status: ") {
            Some(told) => told.clone_into(&mut status),
            None => headers.extend([line, "\r\n"]),
        }
    }
    (status, headers, content)
}
