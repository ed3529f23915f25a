"""TCP sockets that never block the loop, but for the look-up of a name; everything else is polled.

Facts (measured or read in the ports' sources, notes of the project): `connect` of a non-blocking socket
raises EINPROGRESS at once on Linux and Pico W and after at most 100 ms on ESP32. On Linux and ESP32 `write` answers
None until the connection is made; a Pico W takes bytes, and calls the socket writable, before that. Both boards' lwIP
calls a connection that is refused reset (ports/esp32/modsocket.c, extmod/modlwip.c).

A Pico W waits for more to send (no TCP_NODELAY): its lwIP keeps at most 32 pieces that are not acknowledged, which each
message would be then, and with one more `write` waits for up to 10 s, longer than its watchdog bears (micropython
#19704). Packed together they fill its 6400 bytes first, and `write` answers None.
"""

import errno
import select
import socket
import sys

from jkdevice import oserrors


def resolve(host, port):
    """The address row of a host, for `start`. Blocks while the name is looked up. Raises OSError."""
    rows = socket.getaddrinfo(host, port)
    if not rows:
        raise OSError("no address")
    for row in rows:
        # A name such as localhost may have an IPv6 row first that nothing listens on.
        if row[0] == socket.AF_INET:
            return row
    return rows[0]


def start(row):
    """A non-blocking socket on its way to the address. Raises OSError when that failed at once."""
    sock = socket.socket(row[0], socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        if sys.platform != "rp2":
            try:
                # A message is one write; waiting for more to send would only delay it.
                sock.setsockopt(getattr(socket, "IPPROTO_TCP", 6), getattr(socket, "TCP_NODELAY", 1), 1)
            except OSError:
                pass
        sock.connect(row[-1])
    except OSError as error:
        if not oserrors.not_yet(error):
            close(sock)
            raise
    return sock


def made(sock, row):
    """True when the connection to the address is made, None while it is under way, the OSError when it failed."""
    asked = select.poll()
    # An ESP32 tells POLLHUP only to those who ask for it, and calls a socket that failed writable.
    asked.register(sock, select.POLLOUT | select.POLLHUP)
    for pair in asked.poll(0):
        failed = pair[1] & (select.POLLERR | select.POLLHUP)
        try:
            if failed:
                sock.readinto(bytearray(1))
                return OSError("closed at once")
            if sys.platform == "rp2":
                sock.connect(row[-1])  # once more does nothing but tell
        except OSError as error:
            code = oserrors.number(error)
            if failed:
                return OSError(errno.ECONNREFUSED) if code == errno.ECONNRESET else error
            if code == errno.EALREADY:
                return None
        return True
    return None


def close(sock):
    """Close a socket or None, whatever state it is in."""
    if sock is not None:
        try:
            sock.close()
        except OSError:
            pass
