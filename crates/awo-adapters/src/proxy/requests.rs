//! Owns the answers to the requests on one connection.

use std::sync::{Arc, Mutex, PoisonError};

use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue};
use hyper::upgrade::OnUpgrade;
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::connection::{Activity, Observed};
use super::reach::{Outward, Unreached};
use super::refusals::Refusals;
use super::target::Target;

/// Headers that are for the next machine only.
const OF_THE_WAY: [&str; 8] = [
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
/// Longest head of an answer, in bytes.
const LONGEST_HEAD: usize = 64 * 1024;

type Body = BoxBody<Bytes, hyper::Error>;

/// What one connection asks for.
#[derive(Debug)]
pub(super) struct Requests {
    outward: Outward,
    refusals: Arc<Refusals>,
    activity: Activity,
    /// The two ends of a tunnel, once it was granted.
    tunnel: Mutex<Option<(OnUpgrade, Observed<TcpStream>)>>,
    /// What carries the answers of servers. It ends with the connection.
    carriers: Mutex<JoinSet<()>>,
}

/// A request that the proxy understands.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    /// A tunnel.
    Tunnel(Target),
    /// One exchange with a server, in the clear.
    Exchange(Target),
}

impl Asked {
    fn read(method: &Method, uri: &Uri, headers: &HeaderMap) -> Option<Self> {
        if headers.get_all(HOST).iter().count() > 1 {
            return None;
        }
        let authority = uri.authority()?.as_str();
        match (uri.scheme_str(), uri.path_and_query()) {
            (None, None) if method == Method::CONNECT => Target::parse(authority, None).map(Self::Tunnel),
            (Some("http"), Some(_)) if method != Method::CONNECT => {
                Target::parse(authority, Some(80)).map(Self::Exchange)
            }
            _ => None,
        }
    }
}

impl Requests {
    pub(super) fn new(outward: Outward, refusals: Arc<Refusals>, activity: Activity) -> Self {
        Self { outward, refusals, activity, tunnel: Mutex::default(), carriers: Mutex::default() }
    }

    /// The tunnel that the last request was granted.
    pub(super) fn take_tunnel(&self) -> Option<(OnUpgrade, Observed<TcpStream>)> {
        self.tunnel.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Answers a request.
    pub(super) async fn answer(&self, mut request: Request<Incoming>) -> Response<Body> {
        let Some(asked) = Asked::read(request.method(), request.uri(), request.headers()) else {
            let why = "the request is none that a proxy understands".to_owned();
            self.refusals.note(&format!("{} {}", request.method(), request.uri()), why.clone());
            return told(StatusCode::BAD_REQUEST, &why);
        };
        let (Asked::Tunnel(target) | Asked::Exchange(target)) = &asked;
        let stream = match self.outward.reach(target).await {
            Ok(stream) => Observed::new(stream, self.activity.clone()),
            Err(unreached) => return self.refused(target, &unreached),
        };
        match &asked {
            Asked::Tunnel(_) => {
                let upgrade = hyper::upgrade::on(&mut request);
                *self.tunnel.lock().unwrap_or_else(PoisonError::into_inner) = Some((upgrade, stream));
                told(StatusCode::OK, "")
            }
            Asked::Exchange(target) => match self.exchange(request, target, stream).await {
                Ok(response) => response,
                Err(error) => told(StatusCode::BAD_GATEWAY, &format!("{target} did not answer: {error}")),
            },
        }
    }

    /// Has something run until it ends or the connection does. Of those that have ended nothing is kept.
    fn carry(&self, carrier: impl Future<Output = ()> + Send + 'static) {
        let mut carriers = self.carriers.lock().unwrap_or_else(PoisonError::into_inner);
        while carriers.try_join_next().is_some() {}
        carriers.spawn(carrier);
    }

    fn refused(&self, target: &Target, why: &Unreached) -> Response<Body> {
        let status = if why.is_forbidden() { StatusCode::FORBIDDEN } else { StatusCode::BAD_GATEWAY };
        self.refusals.note(&target.to_string(), why.to_string());
        told(status, &format!("awo's proxy does not lead to {target}: {why}"))
    }

    /// Sends a request on, named as it was judged; its answer.
    async fn exchange(
        &self,
        mut request: Request<Incoming>,
        target: &Target,
        stream: Observed<TcpStream>,
    ) -> Result<Response<Body>, hyper::Error> {
        let (mut sender, carrier) =
            http1::Builder::new().max_buf_size(LONGEST_HEAD).handshake(TokioIo::new(stream)).await?;
        self.carry(async move {
            // Whoever waits for the answer hears of it.
            let _ = carrier.await;
        });
        let path = request.uri().path_and_query().cloned();
        *request.uri_mut() = path.map(Uri::from).unwrap_or_default();
        *request.version_mut() = hyper::Version::HTTP_11;
        strip(request.headers_mut());
        // Plain characters, by the grammar of hosts.
        if let Ok(host) = HeaderValue::from_str(&target.to_string()) {
            request.headers_mut().insert(HOST, host);
        }
        let mut response = sender.send_request(request).await?;
        strip(response.headers_mut());
        Ok(response.map(BodyExt::boxed))
    }
}

/// Takes out what is not for the other end.
fn strip(headers: &mut HeaderMap) {
    let named = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    let named: Vec<HeaderName> =
        named.flat_map(|names| names.split(',')).filter_map(|name| name.trim().parse().ok()).collect();
    for name in named {
        headers.remove(name);
    }
    headers.remove(CONNECTION);
    for name in OF_THE_WAY {
        headers.remove(name);
    }
}

/// An answer of the proxy itself.
fn told(status: StatusCode, text: &str) -> Response<Body> {
    let body = Full::new(Bytes::from(text.to_owned())).map_err(|never| match never {}).boxed();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    if !text.is_empty() {
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::super::allowed::AllowedHosts;
    use super::*;

    #[tokio::test]
    async fn of_exchanges_that_have_ended_nothing_is_kept() {
        let requests = Requests::new(Outward::new(AllowedHosts::default()), Arc::default(), Activity::new());
        for _ in 0..1000 {
            requests.carry(async {});
            tokio::task::yield_now().await;
        }
        let kept = requests.carriers.lock().unwrap().len();
        assert!(kept < 3, "{kept}");
    }
}
