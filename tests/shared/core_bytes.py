"""Bytes for the tests of the core on both interpreters: recordings, frames and units built by hand, and what a
Framer says about a stream.

The builders are written from protocol/rs485.md alone: a bitwise CRC, plain offsets, nothing from jkcore.
"""

import os

import recordings

from jkcore import framer as fr

MAGIC = b"\x55\xaa\xeb\x90"
SETTINGS = 1
LIVE = 2
ABOUT = 3
REGISTER = {SETTINGS: 0x1E, LIVE: 0x20, ABOUT: 0x1C, 5: 0x24, 6: 0x22}  # low byte of the trigger register
# Documented as spliced by the makers of the recordings: 144 and 254 differ (protocol/rs485.md section 5).
SPLICED_BY_HAND = (
    "ble_live_v1538_charge_status_0_t0.hex",
    "ble_live_v1538_charge_status_2_t10.hex",
    "ble_live_v1538_charge_status_2_t204.hex",
    "ble_live_v1538_charge_status_2_t383.hex",
)


# Recordings


def names(start=""):
    """Names of all recordings whose name begins with `start`, sorted."""
    return sorted([n for n in os.listdir(recordings.rs485()) if n.endswith(".hex") and n.startswith(start)])


def need(*wanted):
    """Raise SkipTest when the folder of recordings (another one may be given) lacks one of these files."""
    for name in wanted:
        if name not in os.listdir(recordings.rs485()):
            raise recordings.SkipTest("the folder of recordings has no " + name)


def read(name):
    """All bytes of a recording."""
    out = bytearray()
    with open(recordings.rs485() + "/" + name) as file:
        for line in file:
            line = line.split("#")[0].strip()
            if line:
                out.extend(bytes.fromhex(line.replace(" ", "")))
    return bytes(out)


def frames_in(data, kind=0):
    """All whole frames (of a type) with a right sum in `data`, found the plain way."""
    out = []
    at = data.find(MAGIC)
    while at >= 0:
        frame = data[at : at + 300]
        if len(frame) == 300 and sum(frame[:299]) & 255 == frame[299] and (not kind or frame[4] == kind):
            out.append(frame)
        at = data.find(MAGIC, at + 1)
    return out


def live_recordings():
    """(name, frame) of every recorded live frame."""
    for name in names():
        for frame in frames_in(read(name), LIVE):
            yield name, frame


# Modbus units


def crc16(data):
    """CRC-16/MODBUS, bit by bit (section 2.5)."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return crc


def sealed(data):
    """`data` with its CRC behind it, low byte first."""
    crc = crc16(data)
    return bytes(data) + bytes((crc & 255, crc >> 8))


def request(address, kind):
    """The 11 bytes that ask a pack for a frame (section 2.1)."""
    return sealed(bytes((address, 0x10, 0x16, REGISTER[kind], 0, 1, 2, 0, 0)))


def ack(address, kind):
    """The 8 bytes behind a frame (section 2.2)."""
    return sealed(bytes((address, 0x10, 0x16, REGISTER[kind], 0, 1)))


def exception(address, function=0x10, code=3):
    """The 5 bytes of a refusal (section 2.4)."""
    return sealed(bytes((address, function | 0x80, code)))


def unit(frame, address):
    """Frame and ack: the 308 bytes of an answer."""
    return bytes(frame) + ack(address, frame[4])


# Frames


def put(frame, at, value, size):
    """Write a little-endian number of `size` bytes, negative ones as two's complement."""
    for i in range(size):
        frame[at + i] = value & 255
        value >>= 8


def seal(frame):
    """Set the sum of a frame (bytearray of 300) and return it."""
    frame[299] = sum(frame[:299]) & 255
    return frame


def empty(kind):
    """A frame of zeros with magic, type and sum."""
    frame = bytearray(300)
    frame[0:4] = MAGIC
    frame[4] = kind
    return seal(frame)


def live(cells=16, millivolt=3300, milliampere=-5000, soc=66, tag=0):
    """A healthy live frame (section 5): everything it says twice agrees. tag: makes frames differ (run time)."""
    frame = empty(LIVE)
    total = 0
    for i in range(cells):
        value = millivolt + i % 3
        put(frame, 6 + 2 * i, value, 2)
        put(frame, 80 + 2 * i, 60 + i % 5, 2)
        frame[70 + (i >> 3)] |= 1 << (i & 7)
        total += value
    top = min(2, max(0, cells - 1))
    put(frame, 74, (total + cells // 2) // max(1, cells), 2)
    put(frame, 76, top, 2)
    frame[78] = top
    frame[79] = 0
    put(frame, 144, 264, 2)
    put(frame, 150, total, 4)
    put(frame, 154, total * abs(milliampere) // 1000, 4)
    put(frame, 158, milliampere, 4)
    put(frame, 162, 251, 2)
    put(frame, 164, -12, 2)
    frame[173] = soc
    put(frame, 174, 2800 * soc, 4)
    put(frame, 178, 280000, 4)
    put(frame, 182, 22, 4)
    put(frame, 186, 7021091, 4)
    frame[190] = 100
    put(frame, 194, 5401646 + tag, 4)
    frame[198] = frame[199] = 1
    frame[214] = 255
    put(frame, 234, total // 10, 2)
    put(frame, 246, 15829469, 4)
    put(frame, 254, 264, 2)
    put(frame, 256, 255, 2)
    put(frame, 258, -2000, 2)
    put(frame, 270, 86400, 4)
    return seal(frame)


def settings(address=1, ovp=3650):
    """A settings frame (section 4)."""
    frame = empty(SETTINGS)
    for i, value in enumerate((3500, 2580, 2620, ovp, 3580, 10, 3590, 2600, 3600, 3500, 2500, 200000, 3, 60)):
        put(frame, 6 + 4 * i, value, 4)
    put(frame, 98, -200, 4)
    put(frame, 114, 16, 4)
    put(frame, 118, 1, 4)
    put(frame, 122, 1, 4)
    put(frame, 130, 280000, 4)
    put(frame, 270, address, 4)
    put(frame, 282, 0x3210, 2)
    return seal(frame)


SECRETS = ("GARAGE-7", "SECRETPASS", "1234567890X", "my own text", "setup654321", "other words")


def about(firmware="15.41", runtime=5401500):
    """An about frame (section 6) with a secret in every place where the BMS keeps one."""
    frame = empty(ABOUT)
    texts = (
        (6, "JK_PB2A16S20P"), (22, "15A"), (30, firmware), (46, SECRETS[0]), (62, SECRETS[1]), (78, "250612"),
        (86, SECRETS[2]), (102, SECRETS[3]), (118, SECRETS[4]), (134, SECRETS[5]),
    )  # fmt: skip
    for at, text in texts:
        frame[at : at + len(text)] = text.encode()
    put(frame, 38, runtime, 4)
    put(frame, 42, 17, 4)
    frame[184] = 1
    frame[218] = 1
    frame[266] = 10
    frame[267] = 240
    frame[269] = 30
    return seal(frame)


FRAMES = {SETTINGS: settings, LIVE: live, ABOUT: about}


# What a framer says


def drain(framer, out):
    """Append everything the framer has to say: (code, position, length, address, kind, code or reason, bytes)."""
    while True:
        code = framer.next()
        if code == fr.NONE:
            return
        if code == fr.FRAME:
            said = (code, framer.position, framer.length, framer.address, framer.kind, 0, bytes(framer.frame))
        elif code == fr.REJECT:
            said = (code, framer.position, framer.length, 0, 0, framer.reason, b"")
        elif code == fr.EXCEPTION:
            said = (code, framer.position, framer.length, framer.address, 0, framer.code, b"")
        elif code in (fr.REQUEST, fr.ACK):
            said = (code, framer.position, framer.length, framer.address, framer.kind, 0, b"")
        else:
            said = (code, framer.position, framer.length, framer.address, 0, 0, b"")
        out.append(said)


def feed(framer, data, out):
    """Give all of `data` to the framer at once."""
    at = 0
    while at < len(data):
        at = framer.feed(data, at, len(data))
        drain(framer, out)


def events(data, cuts=(), flush=True):
    """What a new framer says about `data` when it is fed in the pieces that end at `cuts`."""
    framer = fr.Framer()
    out = []
    start = 0
    for cut in tuple(cuts) + (len(data),):
        feed(framer, data[start:cut], out)
        start = cut
    if flush:
        framer.flush()
        drain(framer, out)
        assert not framer.pending()
    return out


def good_frames(said):
    """The frames with an ack among what a framer said: [(address, bytes)]."""
    return [(s[3], s[6]) for s in said if s[0] == fr.FRAME and s[3] != fr.NO_ADDRESS]


def accounted(said, total):
    """Raise unless the units said lie side by side and cover `total` bytes."""
    at = 0
    for s in said:
        assert s[1] == at, (s[1], at)
        assert s[2] > 0
        at += s[2]
    assert at == total, (at, total)


class Chance:
    """A small generator of pseudo-random numbers, the same on every interpreter (xorshift, 30 bits kept)."""

    def __init__(self, seed):
        self._x = seed * 2654435761 % 0x3FFFFFFB + 1

    def below(self, limit):
        """A number from 0 to limit - 1."""
        x = self._x
        x ^= x << 13 & 0x3FFFFFFF
        x ^= x >> 17
        x ^= x << 5 & 0x3FFFFFFF
        self._x = x
        return (x >> 3) % limit

    def bytes(self, count):
        return bytes([self.below(256) for _ in range(count)])
