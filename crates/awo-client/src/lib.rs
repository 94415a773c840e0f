//! A client of the HTTP interface of agent work orders: a typed call for each operation, and streams that go on where they
//! broke off.
//!
//! ```no_run
//! use awo_client::{Client, CreateOrder, News};
//!
//! # async fn example() -> Result<(), awo_client::Error> {
//! let client = Client::new("http://127.0.0.1:8888", None)?;
//! let order = CreateOrder {
//!     repository_url: "https://example.org/owner/repo.git".to_owned(),
//!     user_request: "Add a greeting".to_owned(),
//!     ..CreateOrder::default()
//! };
//! let id = client.create_order(&order, None).await?.order.agent_work_order_id;
//! let mut following = client.follow_order(&id, None, &[]);
//! while let Some(news) = following.next().await {
//!     if let News::Message(message) = news? {
//!         println!("{}: {}", message.event, message.data);
//!     }
//! }
//! println!("{}", client.get_order(&id).await?.status);
//! # Ok(())
//! # }
//! ```
//!
//! *Invariant*: nothing of the workspace is used: this is how others would write it.
//! *Boundary*: the OpenAPI document in `docs/`; a test holds every operation, parameter and schema against it.

mod call;
mod client;
mod error;
mod following;
mod operation;
mod reached;
mod remote;
mod transport;
mod types;

pub use call::{Answer, Call};
pub use client::{Client, ListOrders, LogQuery, OrderPage, StatsQuery, StepsQuery};
pub use error::{BoxError, Error};
pub use following::{Following, Message, News};
pub use operation::Operation;
pub use transport::{Body, Patience, Transport};
pub use types::*;
