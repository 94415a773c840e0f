//! Those who are told of orders, behind the engine's port: addresses that take a signed request, and programs of the
//! operator; and the memory of how far they were told.

mod command;
mod told_files;
#[cfg(feature = "webhooks")]
mod webhook;

pub use command::{CommandRecipient, CommandSettings};
pub use told_files::ToldFiles;
#[cfg(feature = "webhooks")]
pub use webhook::{WebhookError, WebhookRecipient, WebhookSettings};

use awo_models::NoticeKind;

/// Which kinds a recipient is told. A test it is always told.
#[derive(Debug, Clone)]
pub struct Wanted(pub Vec<NoticeKind>);

impl Wanted {
    fn has(&self, kind: NoticeKind) -> bool {
        kind == NoticeKind::Test || self.0.contains(&kind)
    }
}

impl Default for Wanted {
    fn default() -> Self {
        Self(NoticeKind::OF_ORDERS.into())
    }
}
