//! Who is told of an order.

use std::time::Duration;

use awo_client::CurrentStep;

use super::Seen;

/// How long a picture stands still that moves.
pub(crate) const MOMENT: Duration = Duration::from_millis(100);

/// Somebody who is told of an order.
pub(crate) trait Audience: Send {
    /// The kinds of messages that are of use; all, if this is empty.
    fn kinds(&self) -> Vec<&'static str>;
    /// Takes how the order is. What is known of it already is not told again.
    fn take(&mut self, seen: &Seen);
    /// Takes what the agent at work does.
    fn works(&mut self, current: Option<CurrentStep>);
    /// The server does not answer.
    fn lost(&mut self);
    /// The order has ended, and all is told.
    fn done(&mut self);
    /// Whether something moves, so that it is to be told of each moment.
    fn moves(&self) -> bool;
    /// A moment has passed.
    fn moment(&mut self);
}

/// Who only wants to know how it ends.
#[derive(Debug)]
pub(crate) struct Nobody;

impl Audience for Nobody {
    fn kinds(&self) -> Vec<&'static str> {
        vec!["ended"]
    }

    fn take(&mut self, _: &Seen) {}
    fn works(&mut self, _: Option<CurrentStep>) {}
    fn lost(&mut self) {}
    fn done(&mut self) {}

    fn moves(&self) -> bool {
        false
    }

    fn moment(&mut self) {}
}
