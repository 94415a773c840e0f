//! What is held back from agents stays on the branch, whatever git an agent runs: its git is told not to look at it.

use std::fs::File;
use std::io::{Seek as _, Write as _};

use awo_models::Failure;

use super::layout::Layout;
use super::{Tools, aside, failed};
use crate::git::{GitError, Limit};
use crate::walls::HELD_BACK;

/// Most that the list of files may take.
const MANY_PATHS: Limit = Limit::Refuse(8 << 20);

/// Marks the files in the checkout's index. In the agent's eyes they are empty or gone, which it would commit otherwise.
pub(super) async fn hold_back(tools: &Tools, layout: &Layout) -> Result<(), Failure> {
    if !tools.holds_back {
        return Ok(());
    }
    let told = |error: GitError| failed("hold back what the repository sets for agents", &error);
    let checkout = tools.checkout(layout);
    let listing = checkout.command("ls-files").args(["-z", "--cached", "--"]).args(HELD_BACK).limit(MANY_PATHS);
    let paths = listing.run().await.map_err(told)?.stdout;
    if paths.is_empty() {
        return Ok(());
    }
    let directory = layout.order.clone();
    let list = aside(move || {
        let mut list: File = tempfile::tempfile_in(directory)?;
        list.write_all(&paths)?;
        list.rewind()?;
        Ok(list)
    });
    let list = list.await.map_err(|error| failed("hold back what the repository sets for agents", &error))?;
    let marked = checkout.command("update-index").args(["--skip-worktree", "-z", "--stdin"]).input(list).run().await;
    marked.map(drop).map_err(told)
}
