"""Looks a name up without waiting: one question by UDP, repeated; names in .local are asked of everybody (mDNS).

socket.getaddrinfo blocks for as long as it likes: with a dead server longer than the watchdog of a Pico bears.
Sources: RFC 1035 section 4 (messages), RFC 6762 section 5.1 (one-shot queries).
"""

import os
import socket

from jkcore import clock
from jkcore.shim import const
from jkdevice import oserrors

_AGAIN_MS = const(1000)
_TRIES = const(5)
_PORT = const(53)
_MDNS_PORT = const(5353)
_MDNS = "224.0.0.251"
_MOST = const(512)
_TYPE_A = const(1)


class LookupFailedError(OSError):
    """No address could be found; a few words for people."""


class Lookup:
    """One name. poll(now) until it gives an address ("192.168.1.10"), or raises LookupFailedError."""

    def __init__(self, name, server, now, port=0):
        """server: address of the DNS server; port: another one than usual, for tests. Raises LookupFailedError."""
        local = name.lower().endswith(".local")
        if not server and not local:
            raise LookupFailedError("DHCP told no DNS server")
        self._where = (_MDNS if local and not port else server, port or (_MDNS_PORT if local else _PORT))
        self._question = _question(name, os.urandom(2), local)
        self.answered = False  # what the server says may be of no use, but the network carries it
        self._tries = 0
        self._asked = now
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.setblocking(False)

    def poll(self, now):
        """The address, or None: not yet."""
        if not self._tries or clock.since(now, self._asked) >= _AGAIN_MS:
            if self._tries == _TRIES:
                raise LookupFailedError("the DNS server " + self._where[0] + " does not answer")
            self._tries += 1
            self._asked = now
            try:
                self._sock.sendto(self._question, socket.getaddrinfo(self._where[0], self._where[1])[0][-1])
            except OSError as error:
                if not oserrors.not_yet(error):
                    raise LookupFailedError(oserrors.words(error))
        try:
            answer = self._sock.recv(_MOST)
        except OSError as error:
            if oserrors.not_yet(error):
                return None
            raise LookupFailedError(oserrors.words(error))
        if not answer or not _is_answer(answer, self._question):
            return None
        self.answered = True
        return _address(answer)

    def close(self):
        """Give the socket back."""
        self._sock.close()


def _question(name, number, local):
    out = bytearray(number)
    out += b"\0\0\0\1\0\0\0\0\0\0" if local else b"\1\0\0\1\0\0\0\0\0\0"  # recursion is wanted
    for label in name.rstrip(".").split("."):
        text = label.encode()
        if not 0 < len(text) < 64:
            raise LookupFailedError("it is no name of a computer")
        out.append(len(text))
        out += text
    out += b"\0\0\1\0\1"
    return bytes(out)


def _is_answer(answer, question):
    return answer[:2] == question[:2] and len(answer) > 3 and answer[2] & 0x80


def _address(answer):
    """The first IPv4 address of an answer; None: it is cut."""
    try:
        if answer[3] & 15:
            raise LookupFailedError("the DNS server does not know this name")
        at = 12
        for _ in range(answer[4] << 8 | answer[5]):
            at = _skip_name(answer, at) + 4
        for _ in range(answer[6] << 8 | answer[7]):
            at = _skip_name(answer, at)
            kind = answer[at] << 8 | answer[at + 1]
            size = answer[at + 8] << 8 | answer[at + 9]
            at += 10
            if kind == _TYPE_A and size == 4:
                return ".".join([str(answer[at + i]) for i in range(4)])
            at += size
        raise LookupFailedError("it has no IPv4 address")
    except IndexError:
        return None


def _skip_name(answer, at):
    while answer[at]:
        if answer[at] & 0xC0:
            return at + 2
        at += answer[at] + 1
    return at + 1


def is_address(text):
    """True for a dotted IPv4 address."""
    parts = text.split(".")
    for part in parts:
        if not part.isdigit() or int(part) > 255:
            return False
    return len(parts) == 4
