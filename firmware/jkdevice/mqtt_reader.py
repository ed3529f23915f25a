"""Bytes of the broker -> MQTT 3.1.1 packets, in one fixed buffer, in whatever pieces they come.

A PUBLISH that does not fit, or whose payload is longer than 512 bytes, is announced with its topic and the
first of its payload, at most 512 bytes; the rest is skipped. Any other long packet, and anything a broker may
not send to us, is GARBAGE.
"""

from jkcore.shim import const

LIMIT = const(512)  # payload bytes
# Fixed header 5 + topic length 2 + topic up to 185 + packet id 2 + payload 512
_SIZE = const(706)

# What next() answers: 0 for nothing, a packet type of MQTT 3.1.1 table 2.1, or GARBAGE
NONE = const(0)
CONNACK = const(2)
PUBLISH = const(3)
SUBACK = const(9)
PINGRESP = const(13)
GARBAGE = const(-1)


class Reader:
    """read() some bytes, then next() until NONE. Between two next() the packet is buf[body:end]."""

    def __init__(self):
        self.buf = bytearray(_SIZE)
        self._view = memoryview(self.buf)
        self.clear()

    def clear(self):
        """Forget everything: a new connection."""
        self.flags = 0  # low half of the first byte: DUP 8, QoS 6, RETAIN 1
        self.body = 0
        self.end = 0
        self.topic_end = 0  # PUBLISH: the topic is buf[body + 2:topic_end]; == body: too long to be known
        self.whole = True  # False: this PUBLISH is too long, the rest of its payload is being skipped
        self._next = 0  # start of the next packet
        self._fill = 0
        self._skip = 0  # bytes of a skipped payload still to come

    def read(self, sock):
        """One read of the socket: number of bytes, 0 at the end of the stream, -1 for nothing. Raises
        OSError.
        """
        if self._next:
            left = self._fill - self._next
            if left:
                self.buf[:left] = self.buf[self._next : self._fill]
            self._fill = left
            self._next = 0
        if self._fill == _SIZE:
            return -1  # next() has to make room first
        got = sock.readinto(self._view[self._fill :] if self._fill else self.buf)
        if got is None:
            return -1
        self._fill += got
        return got

    def next(self):
        """The type of the next whole packet, NONE, or GARBAGE (then the connection is of no use any more)."""
        if self._skip:
            step = min(self._skip, self._fill - self._next)
            self._next += step
            self._skip -= step
            if self._skip:
                return NONE
        at = self._next
        if at == self._fill:
            return NONE
        head = self.buf[at]
        kind = head >> 4
        self.flags = head & 15
        if kind != PUBLISH and (self.flags or kind not in (CONNACK, SUBACK, PINGRESP)):
            return GARBAGE
        at = self._length(at + 1)
        if at <= 0:
            return at  # NONE or GARBAGE
        if kind == PUBLISH:
            return self._publish(at)
        size = self.end - at
        if size > 127 or (size < 3 if kind == SUBACK else size != (2 if kind == CONNACK else 0)):
            return GARBAGE
        if self.end > self._fill:
            return NONE
        self._next = self.end
        return kind

    def _length(self, at):
        """Decode the remaining length at `at` into self.end; where the body starts, or NONE or GARBAGE."""
        size = 0
        shift = 0
        while shift < 28:
            if at >= self._fill:
                return NONE
            size |= (self.buf[at] & 127) << shift
            at += 1
            if self.buf[at - 1] < 128:
                self.body = at
                self.end = at + size
                return at
            shift += 7
        return GARBAGE

    def _publish(self, at):
        qos = self.flags & 6
        if qos > 2 or self.end - at < 3:
            return GARBAGE  # we subscribe with QoS 0; a topic has at least one character
        if at + 2 > self._fill:
            return NONE
        length = self.buf[at] << 8 | self.buf[at + 1]
        self.topic_end = at + 2 + length
        head_end = self.topic_end + qos  # QoS 1 is written 2 here, just as long as its packet id
        if not length or head_end > self.end:
            return GARBAGE
        self.whole = self.end - head_end <= LIMIT and self.end - self._next <= _SIZE
        if not self.whole:
            return self._announce(at, head_end)
        if self.end > self._fill:
            return NONE
        self._next = self.end
        return PUBLISH

    def _announce(self, at, head_end):
        """A PUBLISH that is too long, once its beginning is there: skip it. self.end: where the beginning ends."""
        shown = head_end + LIMIT
        if shown - self._next > _SIZE:
            shown = self._next + _SIZE
        if head_end > shown:
            self.topic_end = shown = at
        elif shown > self._fill:
            return NONE
        self._skip = self.end - self._next
        self.end = shown
        return PUBLISH
