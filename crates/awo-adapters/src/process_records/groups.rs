//! Looking at process groups and sending them signals.

use rustix::process::{Pid, Signal, kill_process_group};

/// Asks the processes of a group to end.
pub(super) fn ask_group(group: i32) {
    send(group, Signal::TERM);
}

/// Kills the processes of a group. Nothing happens if there is none.
pub(crate) fn kill_group(group: i32) {
    send(group, Signal::KILL);
}

fn send(group: i32, signal: Signal) {
    // 0 and 1 would mean this program's own group and everybody.
    if group > 1
        && let Some(group) = Pid::from_raw(group)
    {
        let _ = kill_process_group(group, signal);
    }
}

#[cfg(target_os = "linux")]
mod system {
    use std::fs;

    struct Stat {
        state: char,
        group: i32,
        start_time: u64,
    }

    /// Reads `/proc/<pid>/stat`. The command's name stands in parentheses and may hold anything, parentheses too.
    fn stat(pid: &str) -> Option<Stat> {
        let text = fs::read(format!("/proc/{pid}/stat")).ok()?;
        let text = String::from_utf8_lossy(&text);
        let fields: Vec<&str> = text[text.rfind(')')? + 1..].split_whitespace().collect();
        Some(Stat {
            state: fields.first()?.chars().next()?,
            group: fields.get(2)?.parse().ok()?,
            start_time: fields.get(19)?.parse().ok()?,
        })
    }

    fn members(group: i32) -> Vec<Stat> {
        let Ok(processes) = fs::read_dir("/proc") else {
            return Vec::new();
        };
        processes
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| name.bytes().all(|b| b.is_ascii_digit()))
            .filter_map(|pid| stat(&pid))
            .filter(|stat| stat.group == group)
            .collect()
    }

    pub(crate) fn boot_id() -> String {
        fs::read_to_string("/proc/sys/kernel/random/boot_id").map_or(String::new(), |id| id.trim().to_owned())
    }

    pub(crate) fn start_time(pid: i32) -> Option<u64> {
        stat(&pid.to_string()).map(|stat| stat.start_time)
    }

    /// Whether the group that has this number now is the recorded one.
    pub(crate) fn is_same(group: i32, leader_start: u64) -> bool {
        match start_time(group) {
            Some(start) => start == leader_start,
            // The leader is gone. Its number is not given away while the group has members.
            None => members(group).iter().all(|member| member.start_time >= leader_start),
        }
    }

    /// Whether processes of the group run; those that only wait to be collected do not count.
    pub(crate) fn has_members(group: i32) -> bool {
        members(group).iter().any(|member| !matches!(member.state, 'Z' | 'X'))
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use rustix::process::{Pid, test_kill_process_group};

    pub(crate) fn boot_id() -> String {
        String::new()
    }

    pub(crate) fn start_time(_pid: i32) -> Option<u64> {
        None
    }

    pub(crate) fn is_same(_group: i32, _leader_start: u64) -> bool {
        true
    }

    pub(crate) fn has_members(group: i32) -> bool {
        Pid::from_raw(group).is_some_and(|group| test_kill_process_group(group).is_ok())
    }
}

pub(crate) use system::has_members;
pub(super) use system::{boot_id, is_same, start_time};
