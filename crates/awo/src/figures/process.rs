//! What this process takes of the machine, read when somebody asks. The names are the usual ones of such figures. On
//! systems without `/proc` there are none.

use std::fs::read_to_string;

use metrics::{Unit, counter, describe_counter, describe_gauge, gauge};

pub(super) fn describe() {
    if cfg!(target_os = "linux") {
        describe_gauge!("process_resident_memory_bytes", Unit::Bytes, "Memory that is in use");
        describe_gauge!("process_threads", "Threads");
        describe_gauge!("process_open_fds", "Files, sockets and pipes that are open");
        describe_gauge!("process_max_fds", "How many of these may be");
        describe_counter!("process_cpu_seconds_total", Unit::Seconds, "Time of processors, in whole seconds");
        describe_gauge!("process_start_time_seconds", Unit::Seconds, "When it began, since 1970");
    }
}

/// Sets all that can be read.
#[expect(clippy::cast_precision_loss, reason = "figures of one process are far below 2^52")]
pub(super) fn set() {
    let set = |name: &'static str, value: Option<u64>| {
        if let Some(value) = value {
            gauge!(name).set(value as f64);
        }
    };
    let read = |name: &str| read_to_string(format!("/proc/{name}")).unwrap_or_default();
    let (status, stat, limits) = (read("self/status"), read("self/stat"), read("self/limits"));
    set("process_resident_memory_bytes", line(&status, "VmRSS:").map(|kibibytes| kibibytes * 1024));
    set("process_threads", line(&status, "Threads:"));
    set("process_max_fds", line(&limits, "Max open files"));
    // One of them is the directory that is read.
    let open = std::fs::read_dir("/proc/self/fd").map(|entries| entries.count().saturating_sub(1) as u64);
    set("process_open_fds", open.ok());
    let Some((ticks, began)) = times(&stat) else { return };
    let second = rustix::param::clock_ticks_per_second().max(1);
    counter!("process_cpu_seconds_total").absolute(ticks / second);
    set("process_start_time_seconds", line(&read("stat"), "btime").map(|boot| boot + began / second));
}

/// The first number of the line that begins so.
fn line(text: &str, name: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse().ok()
}

/// Ticks of processors that were used, and at which tick after the boot the process began. Its name stands in parentheses
/// and may hold anything.
fn times(stat: &str) -> Option<(u64, u64)> {
    let fields: Vec<&str> = stat[stat.rfind(')')? + 1..].split_whitespace().collect();
    let number = |place: usize| fields.get(place)?.parse::<u64>().ok();
    Some((number(11)? + number(12)?, number(19)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_found_in_what_the_system_writes() {
        let status = "Name:\tawo\nVmRSS:\t   10380 kB\nThreads:\t5\n";
        assert_eq!(
            (line(status, "VmRSS:"), line(status, "Threads:"), line(status, "Vm:")),
            (Some(10_380), Some(5), None)
        );
        let limits = "Max open files            1024                 524288               files     \n";
        assert_eq!(line(limits, "Max open files"), Some(1024));
        let stat = "7 (a) b) S 1 7 7 0 -1 4194304 1 2 3 4 150 250 0 0 20 0 5 0 8800 1 1 1";
        assert_eq!(times(stat), Some((400, 8800)));
        assert_eq!(times("7 (a"), None);
    }
}
