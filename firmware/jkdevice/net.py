"""TCP sockets that never block the loop, but for the look-up of a name; everything else is polled.

Facts (measured or read in the ports' sources, notes of the project): `connect` of a non-blocking socket
raises EINPROGRESS at once on Linux and Pico W and after at most 100 ms on ESP32; `write` answers None until
the connection is made and raises what went wrong if it could not be made.
"""

import select
import socket

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


def made(sock):
    """True when the connection is made, None while it is under way, the OSError when it failed."""
    asked = select.poll()
    asked.register(sock, select.POLLOUT)
    for row in asked.poll(0):
        if row[1] & (select.POLLERR | select.POLLHUP):
            try:
                sock.readinto(bytearray(1))
            except OSError as error:
                return error
            return OSError("closed at once")
        return True
    return None


def close(sock):
    """Close a socket or None, whatever state it is in."""
    if sock is not None:
        try:
            sock.close()
        except OSError:
            pass
