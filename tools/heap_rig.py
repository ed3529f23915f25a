"""The board, the packs and the broker of tools/heap.py, in one module that MicroPython gets under the names machine,
socket, select, os and board: every name it uses is one that firmware/ uses too or that a device has built in.

A UART with packs behind it that answer at once, all with the same values, and with a master among them where the
configuration says listen; an MCP2515 with packs on its bus; a broker that accepts everything. heap.py makes frames.bin
(three frames of 300 bytes: settings, live, about; then what a master asks) and can.bin (the bytes of the chip's receive
buffer for every frame).
"""

from uos import *  # noqa: F403

with open("frames.bin", "rb") as _a:
    _a = bytearray(_a.read())
with open("can.bin", "rb") as _d:
    _d = bytearray(_d.read())
with open("config.json") as _e:
    _e = '"listen"' in _e.read()
_b = bytearray(8)  # ack of the answer that is under way
_c = bytearray(64)  # of the broker, first byte: how many wait
_c[0] = 1
count = [0]  # PUBLISH packets seen

# board
NAME = "rig"
SERIAL = (("rs485", 1, 17, 18, 21, 1),)
CAN = (("can", "mcp2515", 1, 12, 11, 13, 10, None, None, 8000000),)
POWER = LAN = ()
NETWORK = None
WATCHDOG_MS = 0

# socket, select
AF_INET = 2
SOCK_STREAM = POLLOUT = POLLERR = POLLHUP = 1


class poll:  # noqa: N801
    def register(self, *_):
        pass

    def poll(self, _):
        return ((0, 0),)


def urandom(n):
    return bytes(range(n))


def unique_id():
    return b"\x01\x02\x03\x04\x05\x06"


def getaddrinfo(*_):
    return [(2, 1, 0, "", ("192.168.1.10", 1883))]


class Pin:
    IN = OUT = 1

    def __init__(self, *_, value=0):
        pass

    def __call__(self, _):
        pass


class UART:
    def __init__(self, *_, **__):
        self.start = self.left = self.count = 0
        self.data = None

    def write(self, data, length):
        if data[0] or not _e:  # a master answers nobody
            self.answer(data)

    def answer(self, data):
        kind = {0x1E: 0, 0x20: 1, 0x1C: 2}[data[3]]
        if kind == 0:  # settings tell the address, which is in the sum
            _a[299] = (_a[299] - _a[270] + data[0]) & 255
            _a[270] = data[0]
        crc = 0xFFFF
        for i in range(6):
            _b[i] = data[i]
            crc ^= data[i]
            for _ in range(8):
                crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
        _b[6] = crc & 255
        _b[7] = crc >> 8
        self.start = 300 * kind
        self.left = 308

    def hear(self):
        """Every 20 reads a slot of the master: a request and its answer, or a frame of its own."""
        self.count += 1
        if _e and self.count % 20 == 0:
            at = 900 + 11 * (self.count // 20 % 32)
            self.data = _a[at : at + 11]
            self.answer(self.data)
            if self.data[0]:
                self.left += 11

    def flush(self):
        pass

    def readinto(self, buf):
        if not self.left:
            self.hear()
        if not self.left:
            return None
        got = min(len(buf), self.left)
        for i in range(got):
            at = 308 - self.left
            if at < 0:
                buf[i] = self.data[at]
            else:
                buf[i] = _a[self.start + at] if at < 300 else _b[at - 300]
            self.left -= 1
        return got


class SPI:
    """An MCP2515 that gives frames.bin, 13 bytes each, over and over: eight, then nothing twice."""

    def __init__(self, *_, **__):
        self.start = self.left = self.count = 0
        self.data = bytearray(128)

    def write(self, data):
        register = data[1] if len(data) > 1 else 0
        if data[0] == 0xC0:
            self.data[0x0E] = 0x80
        elif register == 0x0F:
            self.data[0x0E] = data[2] & 0xE0
        else:
            for i in range(2, len(data)):
                self.data[register + i - 2] = data[i]

    def write_readinto(self, data, buf):
        kind = data[0]
        if kind == 0x90:
            for i in range(13):
                buf[i + 1] = _d[self.start + i]
            self.start = (self.start + 13) % len(_d)
        elif kind == 3:
            start = data[1]
            if start == 0x2C:
                self.count = (self.count + 1) % 10
                self.data[start] = self.count < 8
            for i in range(2, len(buf)):
                buf[i] = self.data[start + i - 2]


class socket:  # noqa: N801
    def __init__(self, *_):
        pass

    setblocking = setsockopt = connect = close = __init__

    def write(self, buf, start, length):
        kind = buf[start] >> 4
        if kind == 1:
            answer = b"\x20\x02\x00\x00"
        elif kind == 8:
            answer = bytes((0x90, 3, buf[start + 2], buf[start + 3], 0))
        else:
            answer = b"\xd0\x00" if kind == 12 else b""
            count[0] += kind == 3
        for byte in answer:
            _c[_c[0]] = byte
            _c[0] += 1
        return length

    def readinto(self, buf):
        got = _c[0] - 1
        for i in range(got):
            buf[i] = _c[i + 1]
        _c[0] = 1
        return got or None
