"""One outgoing MQTT message in a fixed buffer, and numbers as text without heap.

Layout: HEAD free bytes (an MQTT QoS 0 PUBLISH needs at most 5 for its fixed header and 2 for the topic length), the
topic, the payload. So a session sends the packet from where it was written, in one piece. A message that does not fit
is never sent in part: `overflow` says so and the publisher drops and counts it.
"""

from jkcore.shim import const

HEAD = const(7)
# The longest is the live JSON of 32 cells with every value at its extreme, 3.6 kB (tests/shared/test_core_values.py).
SIZE = const(3840)

_DIGITS = const(10)  # a 30-bit or 32-bit number has at most ten


class Message:
    """buf[HEAD:topic_end] is the topic, buf[topic_end:end] the payload."""

    def __init__(self):
        self.buf = bytearray(SIZE)
        self._digits = bytearray(_DIGITS)
        self.topic_end = HEAD
        self.end = HEAD
        self.retain = False
        self.overflow = False
        self.bare = False  # values without quotes: one topic per value, not JSON
        self._comma = False

    def start(self, retain: bool) -> None:
        """Begin a new message with its topic."""
        self.end = HEAD
        self.topic_end = HEAD
        self.retain = retain
        self.overflow = False
        self._comma = False

    def body(self) -> None:
        """The topic is complete; the payload follows."""
        self.topic_end = self.end

    def taken(self) -> bytes:
        """A copy of what was put after start(), for parts of messages that are made once."""
        return bytes(self.buf[HEAD : self.end])

    def put_byte(self, byte: int) -> None:
        end = self.end
        if end < SIZE:
            self.buf[end] = byte
            self.end = end + 1
        else:
            self.overflow = True

    def put(self, text) -> None:
        """Append bytes (bytes, bytearray or memoryview; a str is not for the per-frame path)."""
        end = self.end
        if end + len(text) > SIZE:
            self.overflow = True
            return
        buf = self.buf
        for byte in text:
            buf[end] = byte
            end += 1
        self.end = end

    def put_fixed(self, value: int, decimals: int) -> None:
        """Append value / 10**decimals as a plain decimal: 53274, 3 -> 53.274; -5, 3 -> -0.005. Trailing zeros stay."""
        if value < 0:
            self.put_byte(45)  # -
            value = -value
        digits = self._digits
        count = 0
        while value or count <= decimals:
            digits[count] = 48 + value % 10
            value //= 10
            count += 1
        self._put_digits(count, decimals)

    def put_mask(self, high: int, low: int) -> None:
        """Append a 32-bit number given as two 16-bit halves: long division, so that no step leaves the small ints."""
        digits = self._digits
        count = 0
        while high or low or not count:
            rest = high % 10
            high //= 10
            low |= rest << 16
            digits[count] = 48 + low % 10
            low //= 10
            count += 1
        self._put_digits(count, 0)

    def _put_digits(self, count: int, decimals: int) -> None:
        while count:
            if count == decimals:
                self.put_byte(46)  # .
            count -= 1
            self.put_byte(self._digits[count])

    # JSON

    def open(self) -> None:
        """{ or, inside an object after key(), the value {"""
        self.put_byte(123)
        self._comma = False

    def close(self) -> None:
        self.put_byte(125)
        self._comma = True

    def key(self, name) -> None:
        """Append `"name":` with the comma before it. name: bytes."""
        self.separate()
        self.put_byte(34)
        self.put(name)
        self.put_byte(34)
        self.put_byte(58)

    def separate(self) -> None:
        """The comma between members, not before the first."""
        if self._comma:
            self.put_byte(44)
        self._comma = True

    def quote(self) -> None:
        """The quote around a JSON string, none around a bare value."""
        if not self.bare:
            self.put_byte(34)

    def quoted(self, text) -> None:
        """Append bytes as a JSON string; what JSON or a terminal could stumble over becomes '?'."""
        self.put_byte(34)
        for byte in text:
            self.put_byte(63 if byte < 32 or byte in (34, 92, 127) else byte)
        self.put_byte(34)

    def string(self, name, text) -> None:
        """Append `"name":"text"`. text: bytes, or a str (not for the per-frame path)."""
        self.key(name)
        self.quoted(text.encode() if isinstance(text, str) else text)

    def numbers(self, names, values) -> None:
        """Append `"name":value` for each of the blank-separated names; the value None becomes null. There may be
        more values than names."""
        start = 0
        for value in values:
            end = names.find(b" ", start)
            if end < 0:
                end = len(names)
            if start > end:
                break
            self.separate()
            self.put_byte(34)
            for i in range(start, end):
                self.put_byte(names[i])
            self.put(b'":')
            if value is None:
                self.put(b"null")
            else:
                self.put_fixed(value, 0)
            start = end + 1
