//! What the network leads to, when it is off.

use std::fs;
use std::io;
use std::net::{TcpStream, UdpSocket};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::fs::symlink;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixStream};
use std::time::Duration;

use rustix::net::{
    AddressFamily, SendFlags, SocketAddrUnix, SocketFlags, SocketType, ipproto, sendto, socket, socketpair,
};

use super::{Outside, Try, anybody, refused, somebody, superuser};

const PATIENCE: Duration = Duration::from_secs(2);

pub(super) fn all(outside: &Outside) -> Vec<Try<'_>> {
    let listener = || outside.place.join("listener");
    let of_family = |family, kind| socket(family, kind, None).map(drop).map_err(io::Error::from);
    vec![
        anybody("TCP to a server on loopback", || tcp(&format!("127.0.0.1:{}", outside.tcp))),
        anybody("the same by another of its addresses", || tcp(&format!("127.9.9.9:{}", outside.tcp))),
        anybody("the same by the address of no machine", || tcp(&format!("0.0.0.0:{}", outside.tcp))),
        anybody("the same by an address of IPv6 that means it", || tcp(&format!("[::ffff:127.0.0.1]:{}", outside.tcp))),
        anybody("an answer from a server on loopback by UDP", || answer_by_udp(outside.udp)),
        anybody("a socket with a path", move || UnixStream::connect(listener()).map(drop)),
        anybody("the same over a link in the checkout", move || {
            let _ = fs::remove_file("link");
            symlink(listener(), "link")?;
            UnixStream::connect("link").map(drop)
        }),
        anybody("a socket for datagrams with a path", || {
            UnixDatagram::unbound()?.send_to(b"1", outside.place.join("datagram")).map(drop)
        }),
        anybody("the same from one of a pair", || {
            let (ours, _) = socketpair(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::empty(), None)?;
            let to = SocketAddrUnix::new(outside.place.join("datagram"))?;
            Ok(sendto(ours, b"1", SendFlags::empty(), &to).map(drop)?)
        }),
        anybody("a socket with an abstract name", || {
            UnixStream::connect_addr(&SocketAddr::from_abstract_name(outside.left())?).map(drop)
        }),
        superuser("raw packets of the internet", || {
            socket(AddressFamily::INET, SocketType::RAW, Some(ipproto::ICMP)).map(drop).map_err(io::Error::from)
        }),
        superuser("raw packets of the wire", move || of_family(AddressFamily::PACKET, SocketType::RAW)),
        somebody("a way to the metadata of a cloud", || way_to("169.254.169.254:80")),
        somebody("a way to another machine", || way_to("192.0.2.1:53")),
        somebody("a way to another machine by IPv6", || way_to("[2001:db8::1]:53")),
        somebody("another network than loopback", || {
            let known = fs::read_to_string("/proc/net/dev")?;
            let other = known.lines().skip(2).any(|line| !line.trim_start().starts_with("lo:"));
            if other { Ok(()) } else { refused("there is none") }
        }),
        somebody("the host of a virtual machine", move || of_family(AddressFamily::VSOCK, SocketType::STREAM)),
        somebody("the ciphers of the kernel", move || of_family(AddressFamily::from_raw(38), SocketType::SEQPACKET)),
    ]
}

fn tcp(address: &str) -> io::Result<()> {
    TcpStream::connect_timeout(&address.parse().map_err(io::Error::other)?, PATIENCE).map(drop)
}

fn answer_by_udp(port: u16) -> io::Result<()> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.send_to(b"1", ("127.0.0.1", port))?;
    socket.recv(&mut [0; 8]).map(drop)
}

/// Whether a packet would go somewhere; none is sent.
fn way_to(address: &str) -> io::Result<()> {
    let any = if address.starts_with('[') { "[::]:0" } else { "0.0.0.0:0" };
    UdpSocket::bind(any)?.connect(address)
}
