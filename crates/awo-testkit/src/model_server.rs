//! A server that plays the model, so that real agent programs work offline: Anthropic Messages, OpenAI Responses and
//! Chat Completions, Gemini.
//!
//! What it answers is a [`Script`]. It keeps no sessions: a repeated request gets the same answer, and several programs
//! may share one server.

mod dialect;
mod exchange;
mod record;
mod reply;
mod script;
mod step;
#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread::JoinHandle;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use record::{ModelRequest, Progress};
pub use script::{Script, ScriptError};
pub use step::{Hang, Step, Tokens};

use exchange::Exchanges;
use record::Records;

/// A server on a free port of this machine only. Dropping it stops it and hangs up on everybody.
#[derive(Debug)]
pub struct ModelServer {
    address: SocketAddr,
    records: Arc<Records>,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl ModelServer {
    /// Starts to answer by a script.
    pub fn start(script: Script) -> Self {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        listener.set_nonblocking(true).expect("a listener that can be waited for");
        let address = listener.local_addr().expect("an address");
        let records = Arc::new(Records::default());
        let exchanges = Arc::new(Exchanges::new(script, Arc::clone(&records)));
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        // A thread of its own serves tests that have a runtime and tests that have none.
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            // Connections end with the runtime.
            runtime.block_on(stopped.run_until_cancelled(serve(listener, exchanges)));
        });
        Self { address, records, stop, thread: Some(thread) }
    }

    /// Where it answers: `http://127.0.0.1:port`.
    pub fn address(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The requests so far, in the order in which they came.
    pub fn requests(&self) -> Vec<ModelRequest> {
        self.records.all()
    }

    /// Whether a client waits for words that will not come: see [`Hang`].
    pub fn hangs(&self) -> bool {
        self.requests().iter().any(|request| request.progress == Progress::Hanging)
    }
}

impl Drop for ModelServer {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            // It may have panicked, which the test sees by answers that do not come.
            let _ = thread.join();
        }
    }
}

async fn serve(listener: std::net::TcpListener, exchanges: Arc<Exchanges>) {
    let listener = TcpListener::from_std(listener).expect("a listener for this runtime");
    loop {
        let Ok((connection, _)) = listener.accept().await else { continue };
        // Pieces of a stream are to arrive as they are sent.
        let _ = connection.set_nodelay(true);
        let exchanges = Arc::clone(&exchanges);
        let service = service_fn(move |request| {
            let exchanges = Arc::clone(&exchanges);
            async move { Ok::<_, Infallible>(exchanges.answer(request).await) }
        });
        // Errors are clients that hung up, or streams that the script cuts.
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(connection), service));
    }
}
