"""TCP sockets that never block the loop, but for the look-up of a name; everything else is polled.

Facts (measured or read in the ports' sources, notes of the project): `connect` of a non-blocking socket
raises EINPROGRESS at once on Linux and Pico W and after at most 100 ms on ESP32. On Linux and ESP32 `write` answers
None until the connection is made; a Pico W takes bytes, and calls the socket writable, before that. Both boards' lwIP
calls a connection that is refused reset (ports/esp32/modsocket.c, extmod/modlwip.c).
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
        _hurry(sock)
        sock.connect(row[-1])
    except OSError as error:
        if not oserrors.not_yet(error):
            close(sock)
            raise
    return sock


def _hurry(sock):
    """A message is one write; waiting for more to send would only delay it.

    Not on a Pico W: its lwIP keeps at most 32 pieces that are not acknowledged, which then each message would be, and
    with one more `write` waits for up to 10 s, longer than its watchdog bears. Packed together they fill its 6400
    bytes first, and `write` answers None.
    """
    if sys.platform == "rp2":
        return
    try:
        sock.setsockopt(getattr(socket, "IPPROTO_TCP", 6), getattr(socket, "TCP_NODELAY", 1), 1)
    except OSError:
        pass


def made(sock, row):
    """True when the connection to the address is made, None while it is under way, the OSError when it failed."""
    asked = select.poll()
    # An ESP32 tells POLLHUP only to those who ask for it, and calls a socket that failed writable.
    asked.register(sock, select.POLLOUT | select.POLLHUP)
    for pair in asked.poll(0):
        if pair[1] & (select.POLLERR | select.POLLHUP):
            return _failure(sock)
        return None if sys.platform == "rp2" and _is_under_way(sock, row) else True
    return None


def _failure(sock):
    try:
        sock.readinto(bytearray(1))
    except OSError as error:
        return OSError(errno.ECONNREFUSED) if oserrors.number(error) == errno.ECONNRESET else error
    return OSError("closed at once")


def _is_under_way(sock, row):
    """Of a Pico W: to connect once more does nothing but tell."""
    try:
        sock.connect(row[-1])
    except OSError as error:
        return oserrors.number(error) == errno.EALREADY
    return False


def close(sock):
    """Close a socket or None, whatever state it is in."""
    if sock is not None:
        try:
            sock.close()
        except OSError:
            pass
