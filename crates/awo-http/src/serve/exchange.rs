//! One request and its answer, as the conduct of a connection hears of them.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::Error;
use axum::body::{Body, Bytes};
use hyper::body::{Body as _, Frame, Incoming, SizeHint};

use super::conduct::{Conduct, Ticket};

/// What a client sends.
pub(super) struct Upload {
    body: Incoming,
    conduct: Conduct,
}

impl Upload {
    pub(super) fn new(body: Incoming, conduct: Conduct) -> Self {
        Self { body, conduct }
    }
}

impl hyper::body::Body for Upload {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if let Some(data) = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref()) {
            self.conduct.read_body(data.len());
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// What it is answered. Who sends it asks for more of it when the client has room for that.
pub(super) struct Answer {
    body: Body,
    ticket: Ticket,
}

impl Answer {
    pub(super) fn new(body: Body, mut ticket: Ticket) -> Self {
        if body.is_end_stream() {
            ticket.answered();
        } else {
            ticket.offer(true);
        }
        Self { body, ticket }
    }
}

impl hyper::body::Body for Answer {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        self.ticket.offer(matches!(polled, Poll::Ready(Some(Ok(_)))));
        if matches!(polled, Poll::Ready(None)) || self.body.is_end_stream() {
            self.ticket.answered();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
