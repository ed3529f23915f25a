"""What umqtt.simple sees in place of the socket module and its socket: packets are gathered, nothing blocks.

umqtt.simple writes CONNECT in six pieces, then waits for the answer with its own reads: without a time-out up
to 1.4.0, and while it waits for a SUBACK it hands over retained messages without their RETAIN flag. So its
packets go into a buffer here (the session sends each in one write, when the socket takes it), and its reads
get the answer it hopes for at once; the broker's true answer is read and judged by the session. What it does
to the time-out (setblocking(True) after every read, which on ESP32 and Pico W removes it) reaches no socket.
Fits umqtt.simple 1.3.4 and 1.4.0 to 1.8.0, which all read CONNACK as read(4), SUBACK as read(1) and read(4).
"""

_CONNACK = b"\x20\x02\x00\x00"
_SUBACK = b"\x90"


class Pipe:
    """`size`: the longest packet that will be written. The packet is buf[:fill]."""

    def __init__(self, size):
        self.buf = bytearray(size)
        self.fill = 0
        self.opened = False  # socket() was called
        self.pid = -1  # packet id of the SUBSCRIBE under way, -1: CONNECT

    def clear(self):
        self.fill = 0

    # As the socket module

    def socket(self, *args):
        self.opened = True
        return self

    def getaddrinfo(self, host, port, *args):
        return [(0, 0, 0, "", (host, port))]

    # As a socket

    def connect(self, address):
        pass

    def settimeout(self, seconds):
        pass

    def setblocking(self, flag):
        pass

    def setsockopt(self, *args):
        pass

    def close(self):
        pass

    def write(self, data, length=-1):
        """Gather. `length` as MicroPython's streams take it: only so many bytes of data."""
        if length < 0 or length > len(data):
            length = len(data)
        at = self.fill
        if at + length > len(self.buf):
            raise OSError("packet too long")
        for i in range(length):
            self.buf[at + i] = data[i]
        self.fill = at + length
        return length

    def read(self, length):
        """The answer umqtt.simple waits for."""
        if self.pid < 0 and length == 4:
            return _CONNACK
        if self.pid >= 0 and length == 1:
            return _SUBACK
        if self.pid >= 0 and length == 4:
            return bytes((3, self.pid >> 8, self.pid & 255, 0))
        raise OSError("unknown umqtt.simple")

    def mend_length(self):
        """Up to umqtt.simple 1.7.0 the length of a SUBSCRIBE is one byte, also above 127: write it as two."""
        size = self.fill - 2
        if size > 127 and self.buf[1] == size:
            if self.fill == len(self.buf):
                raise OSError("packet too long")
            i = self.fill
            while i > 2:
                self.buf[i] = self.buf[i - 1]
                i -= 1
            self.buf[1] = size & 127 | 128
            self.buf[2] = size >> 7
            self.fill += 1
