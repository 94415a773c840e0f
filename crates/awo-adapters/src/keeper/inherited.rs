//! Owns what a keeper gets that nobody meant for it: files that were open when awo was started, and stay open in all that is
//! started from there.
//!
//! Walls keep nobody from a file that is open already, whatever they say of its path.

use std::fs;
use std::io;

/// Closes all but standard input, output and error. Call it before anything else is opened: whoever had opened one of these would
/// be left with a number that means something else later.
pub(super) fn close_all() -> io::Result<()> {
    let open = fs::read_dir("/proc/self/fd")?.map(|entry| Ok(entry?.file_name()));
    // In full before the first is closed, as the list itself is among them.
    let open: Vec<_> = open.collect::<io::Result<_>>()?;
    let numbers = open.iter().filter_map(|name| name.to_str()?.parse::<i32>().ok());
    for number in numbers.filter(|number| *number > 2) {
        // That of the list is closed by now.
        let _ = nix::unistd::close(number);
    }
    Ok(())
}
