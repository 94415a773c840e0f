//! What git says of a long transfer, as a line now and then.

use std::time::Duration;

use awo_engine::ports::Progress;
use tokio::time::Instant;

/// How long nothing is told, and the pause between two lines.
const PAUSES: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(10));
/// What this git says itself. What the other side says (`remote: …`) is not passed on.
const PHASES: [&str; 3] = ["Receiving objects:", "Resolving deltas:", "Updating files:"];
/// No line is longer.
const LONGEST: usize = 120;

/// Picks the lines that are told out of the error output of one run.
#[derive(Debug)]
pub(super) struct Teller<'a> {
    progress: &'a Progress,
    unfinished: Vec<u8>,
    next: Instant,
}

impl<'a> Teller<'a> {
    pub(super) fn new(progress: &'a Progress) -> Self {
        Self { progress, unfinished: Vec::new(), next: Instant::now() + PAUSES.0 }
    }

    /// Takes more of the output, and tells the last whole line of it if it is time.
    pub(super) fn hear(&mut self, bytes: &[u8]) {
        self.unfinished.extend_from_slice(bytes);
        let Some(end) = self.unfinished.iter().rposition(|byte| matches!(byte, b'\r' | b'\n')) else {
            let surplus = self.unfinished.len().saturating_sub(LONGEST);
            self.unfinished.drain(..surplus);
            return;
        };
        let now = Instant::now();
        if now >= self.next
            && let Some(line) = last_line(&self.unfinished[..end])
        {
            self.progress.tell(&line);
            self.next = now + PAUSES.1;
        }
        self.unfinished.drain(..=end);
    }
}

/// The last line of a phase; lines end with a carriage return until the phase is over.
fn last_line(text: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(text);
    let line = text.rsplit(['\r', '\n']).find(|line| PHASES.iter().any(|phase| line.starts_with(phase)))?;
    let plain = line.chars().filter(|c| matches!(c, ' '..='~')).take(LONGEST).collect::<String>();
    Some(plain.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_of_this_git_counts_and_not_what_the_other_side_says() {
        let said = b"remote: Counting objects: 3\rReceiving objects:  40% (4/10)\rReceiving objects:  50% (5/10), 1.00 MiB | 2.00 MiB/s   \rremote: Receiving objects: \x1b[31m";
        assert_eq!(last_line(said).as_deref(), Some("Receiving objects:  50% (5/10), 1.00 MiB | 2.00 MiB/s"));
        assert_eq!(last_line(b"From /somewhere\n * [new branch] main"), None);
    }

    #[tokio::test(start_paused = true)]
    async fn lines_come_now_and_then() {
        let (progress, mut heard) = Progress::heard();
        let mut teller = Teller::new(&progress);
        for percent in 0..100 {
            teller.hear(format!("Receiving objects: {percent}% ").as_bytes());
            teller.hear(b"(1/2)\r");
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        drop(teller);
        drop(progress);
        let mut lines = Vec::new();
        while let Some(line) = heard.recv().await {
            lines.push(line);
        }
        assert_eq!(lines.len(), 10, "{lines:?}");
        assert_eq!(&*lines[0], "Receiving objects: 5% (1/2)");
    }
}
