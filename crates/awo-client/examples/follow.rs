//! Creates an order and follows it: `cargo run -p awo-client --example follow -- ADDRESS REPOSITORY REQUEST`. A key is taken
//! from `AWO_API_KEY`.

use awo_client::{Client, CreateOrder, News, StepExecutionResult, StepsQuery};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(address), Some(repository_url), Some(user_request)) =
        (arguments.next(), arguments.next(), arguments.next())
    else {
        return Err("say an address such as http://127.0.0.1:8888, a repository and a request".into());
    };
    let client = Client::new(&address, std::env::var("AWO_API_KEY").ok().as_deref())?;
    let order = CreateOrder { repository_url, user_request, ..CreateOrder::default() };
    let id = client.create_order(&order, None).await?.order.agent_work_order_id;
    let mut following = client.follow_order(&id, None, &["step_finished"]);
    let mut shown = 0;
    while let Some(news) = following.next().await {
        match news? {
            News::Message(_) => {
                let steps = client.list_steps(&id, StepsQuery::default()).await?.steps;
                steps.iter().skip(shown).for_each(show);
                shown = steps.len();
            }
            _ => eprintln!("the server does not answer; still trying"),
        }
    }
    let order = client.get_order(&id).await?;
    show_line(&format!("{}: {}", order.status, order.git_branch_name.unwrap_or_default()));
    if order.status == "completed" { Ok(()) } else { Err(order.error_message.unwrap_or_default().into()) }
}

fn show(step: &StepExecutionResult) {
    show_line(&format!("{} {} in {:.1} s", if step.success { "✔" } else { "✘" }, step.step, step.duration_seconds));
}

#[expect(clippy::print_stdout, reason = "this is what it is for")]
fn show_line(text: &str) {
    println!("{text}");
}
