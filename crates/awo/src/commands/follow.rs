//! Follows an order by its stream, and tells what is new to somebody: a person or a program.

mod audience;
mod machine;
mod person;

use std::time::Duration;

use awo_client::{ActivityNews, AgentWorkOrder as Order, Client, Error, News, StepHistory as Steps, StepsQuery};
use serde_json::Value;

use crate::orders::has_ended;
pub(crate) use audience::{Audience, Nobody};
pub(crate) use machine::{Machine, tell};
pub(crate) use person::Person;

/// Times that a store which does not answer is asked how an order ended.
const LAST_QUESTIONS: u32 = 60;
/// Pause between these.
const PAUSE: Duration = Duration::from_secs(1);

/// The steps of an order, as they are read and as they came.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) steps: Steps,
    pub(crate) raw: Value,
}

/// Tells of an order until it has ended; the order as it ended, and its steps.
///
/// # Cancellation
/// Dropping this closes the stream; the order goes on.
pub(crate) async fn follow(client: &Client, id: &str, told: &mut dyn Audience) -> anyhow::Result<(Order, Steps)> {
    let mut version = 0;
    let kinds = told.kinds();
    let mut following = client.follow_order(id, None, &kinds);
    loop {
        let Some(news) = meanwhile(told, following.next()).await else {
            // It had ended and goes on, as somebody has retried it meanwhile.
            following = client.follow_order(id, Some(version), &kinds);
            continue;
        };
        let News::Message(message) = news? else {
            told.lost();
            continue;
        };
        match message.event.as_str() {
            "activity" => {
                let news: ActivityNews = message.read()?;
                told.works(news.current_step);
            }
            "end" => {
                let seen = meanwhile(told, last_steps(client, id)).await?;
                version = seen.steps.version;
                told.take(&seen);
                if has_ended(&seen.steps.status) {
                    let order = meanwhile(told, async { client.get_order(id).await }).await?;
                    told.done();
                    return Ok((order, seen.steps));
                }
            }
            // What came before is in what was told.
            _ if message.number().is_some_and(|number| number <= version) => {}
            _ => match meanwhile(told, steps(client, id)).await {
                Ok(seen) => {
                    version = seen.steps.version;
                    told.take(&seen);
                }
                // The next message asks again, and a stream that is lost begins with one.
                Err(error) if error.is_unavailable() => {}
                Err(error) => return Err(error.into()),
            },
        }
    }
}

/// What a future comes to. Meanwhile, what moves goes on moving.
async fn meanwhile<T>(told: &mut dyn Audience, future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    loop {
        tokio::select! {
            biased;
            done = &mut future => return done,
            () = tokio::time::sleep(audience::MOMENT), if told.moves() => told.moment(),
        }
    }
}

async fn steps(client: &Client, id: &str) -> Result<Seen, Error> {
    let answer = client.list_steps(id, StepsQuery::default()).answer().await?;
    Ok(Seen { steps: answer.read()?, raw: answer.json()? })
}

/// The steps of an order that has ended: no message follows, so this asks until there is an answer.
async fn last_steps(client: &Client, id: &str) -> Result<Seen, Error> {
    let mut questions = 1;
    loop {
        match steps(client, id).await {
            Err(error) if error.is_unavailable() && questions < LAST_QUESTIONS => {
                questions += 1;
                tokio::time::sleep(PAUSE).await;
            }
            answer => return answer,
        }
    }
}
