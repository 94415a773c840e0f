//! Owns the process within walls that carries connections to awo's proxy.
//!
//! Programs know proxies by an address of TCP, and what leads out is a socket with a path. It judges nothing: whoever is
//! within may talk to that socket as well.

use std::io;
use std::net::TcpListener as Listener;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::Semaphore;

use super::bubblewrap::{INSIDE, PROXY_SOCKET};
use super::{FORWARD, PROXY};

/// Connections at once. The proxy has a lower bound of its own.
const CONNECTIONS: usize = 256;
/// Time before a listener that failed is asked again.
const PAUSE: Duration = Duration::from_millis(200);

/// Starts it, as an account. When this returns, connections are taken.
pub(super) fn start(account: Option<u32>) -> io::Result<()> {
    let listener = OwnedFd::from(Listener::bind(PROXY)?);
    let mut command = Command::new(INSIDE);
    // The program's pipes are not its own: their end is the program's end.
    command.arg(FORWARD).env_clear().stdin(listener).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    if let Some(account) = account {
        command.uid(account).gid(account);
    }
    // It ends with the walls, and so does whoever would wait for it.
    command.spawn().map(drop)
}

/// Carries connections, until the walls fall; the exit code if that cannot be.
pub(crate) fn forward() -> i32 {
    match carry_all() {
        Ok(never) => match never {},
        Err(_) => 1,
    }
}

fn carry_all() -> io::Result<std::convert::Infallible> {
    // A program that is asked to end may still have something to say to its model.
    for signal in [SIGHUP, SIGINT, SIGQUIT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false)))?;
    }
    let _ = rustix::thread::set_name(c"awo-forward");
    let listener = Listener::from(rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)?);
    listener.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::from_std(listener)?;
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            let place = Arc::clone(&places).acquire_owned().await.map_err(io::Error::other)?;
            match listener.accept().await {
                Ok((stream, _)) => {
                    tokio::spawn(async move {
                        // A connection that breaks says so to both ends by its end.
                        let _ = carry(stream).await;
                        drop(place);
                    });
                }
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    })
}

async fn carry(mut inside: TcpStream) -> io::Result<()> {
    inside.set_nodelay(true)?;
    let mut outside = UnixStream::connect(PROXY_SOCKET).await?;
    copy_bidirectional(&mut inside, &mut outside).await.map(drop)
}
