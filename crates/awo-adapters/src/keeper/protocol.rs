//! What a keeper is told and what it tells, on the socket that both hold.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::BorrowedFd;
use std::os::unix::net::UnixStream;

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

/// What a keeper is told, as one byte. The end of the stream means: nobody is there any more, end all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    /// Begin. With it comes what the program shall read, if it shall read anything.
    Start,
    /// Ask the program to stop.
    Interrupt,
    /// Tell the program's process group to stop.
    Terminate,
    /// End all.
    Kill,
}

impl Command {
    const ALL: [Self; 4] = [Self::Start, Self::Interrupt, Self::Terminate, Self::Kill];

    pub(crate) fn byte(self) -> u8 {
        match self {
            Self::Start => b's',
            Self::Interrupt => b'i',
            Self::Terminate => b't',
            Self::Kill => b'k',
        }
    }

    pub(crate) fn parse(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|command| command.byte() == byte)
    }
}

/// Bytes of a report.
pub(crate) const FRAME: usize = 5;

/// What a keeper tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Report {
    /// The program runs, as this process.
    Started(i32),
    /// The program could not be started: an error number of the operating system, or 0.
    NotStarted(i32),
    /// The program ended with a code.
    Exited(i32),
    /// A signal ended the program.
    Signalled(i32),
    /// The program has ended, and nothing that it started is left.
    Clear,
}

impl Report {
    pub(crate) fn frame(self) -> [u8; FRAME] {
        let (tag, number) = match self {
            Self::Started(pid) => (b'S', pid),
            Self::NotStarted(errno) => (b'N', errno),
            Self::Exited(code) => (b'E', code),
            Self::Signalled(signal) => (b'G', signal),
            Self::Clear => (b'C', 0),
        };
        let [a, b, c, d] = number.to_le_bytes();
        [tag, a, b, c, d]
    }

    pub(crate) fn parse(frame: [u8; FRAME]) -> Option<Self> {
        let [tag, a, b, c, d] = frame;
        let number = i32::from_le_bytes([a, b, c, d]);
        match tag {
            b'S' => Some(Self::Started(number)),
            b'N' => Some(Self::NotStarted(number)),
            b'E' => Some(Self::Exited(number)),
            b'G' => Some(Self::Signalled(number)),
            b'C' => Some(Self::Clear),
            _ => None,
        }
    }
}

/// Says [`Command::Start`], and hands over what the program shall read.
pub(crate) fn send_start(channel: &UnixStream, input: Option<BorrowedFd<'_>>) -> io::Result<()> {
    let given = input.as_slice();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !given.is_empty() {
        ancillary.push(SendAncillaryMessage::ScmRights(given));
    }
    let byte = [Command::Start.byte()];
    sendmsg(channel, &[IoSlice::new(&byte)], &mut ancillary, SendFlags::NOSIGNAL)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_understood_and_nothing_else() {
        for command in Command::ALL {
            assert_eq!(Command::parse(command.byte()), Some(command));
        }
        assert_eq!(Command::parse(b'x'), None);
        for number in [0, 1, 130, 255, i32::MAX, -1] {
            for report in [
                Report::Started(number),
                Report::NotStarted(number),
                Report::Exited(number),
                Report::Signalled(number),
                Report::Clear,
            ] {
                assert_eq!(Report::parse(report.frame()), Some(report));
            }
        }
        assert_eq!(Report::parse(*b"?\0\0\0\0"), None);
    }
}
