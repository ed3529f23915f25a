"""A battery that can be written to, for the tests of jkcore/writes on both interpreters.

Written from protocol/rs485.md sections 2.2, 4, 6 and 8 alone; nothing of it comes from jkcore's tables.
"""

import core_bytes as cb

from jkcore.message import Message
from jkcore.pack import Pack
from jkcore.writes import lock, result
from jkcore.writes import transaction as tr
from jkcore.writes.command import Command
from jkcore.writes.refusal import CommandError

# Every documented register that may be written, and nothing else (sections 8.2 to 8.4).
PARAMETERS = list(range(0x1000, 0x1088, 4)) + [0x1108, 0x110C]
PAIRS = [0x1114, 0x1116, 0x1118, 0x14B2, 0x14D4, 0x14E4, 0x14E6, 0x1504]
ABOUT_PARAMETERS = [0x14E8, 0x14EC, 0x14F0, 0x14F4, 0x14F8, 0x14FC, 0x1500]
ORDERS = {0x160A: 1, 0x160C: 1, 0x160E: 1, 0x1604: 1, 0x1610: 1, 0x1600: 2, 0x1606: 2, 0x1612: 2}
FORBIDDEN = (0x1626, 0x1110)
# Offset and value (section 4): what the LFP preset left behind on 15.30.
PRESET_LFP = (
    (6, 3500), (10, 2580), (14, 2620), (18, 3650), (22, 3580), (26, 10), (30, 3590), (34, 2600), (38, 3600), (42, 3500),
    (46, 2500), (98, 20), (102, 70), (106, 800), (110, 700), (138, 3000),
)  # fmt: skip


def about(model="JK_PB2A16S20P", firmware="19.27"):
    """An about frame with a model, and something in each field that may be written."""
    frame = cb.empty(cb.ABOUT)
    for at, text in ((6, model), (22, "19A"), (30, firmware)):
        frame[at : at + len(text)] = text.encode()
    for at, value in ((184, 1), (185, 4), (218, 1), (219, 0x7E), (234, 0), (235, 8), (236, 0), (237, 1)):
        frame[at] = value
    for at, value in ((246, 60), (250, 50), (262, 3600)):
        cb.put(frame, at, value, 4)
    frame[266] = 20
    frame[267] = 50
    return cb.seal(frame)


def settings(address=1):
    """A settings frame of an LFP pack in which every documented field holds a legal value."""
    frame = cb.settings(address)
    for at, value in (
        (50, 100000), (54, 30), (58, 60), (62, 150000), (66, 30), (70, 60), (74, 30), (78, 1000), (82, 600), (86, 550),
        (90, 650), (94, 600), (98, 0), (102, 50), (106, 1000), (110, 800), (126, 1), (134, 1500), (138, 3400), (274, 5),
    ):  # fmt: skip
        cb.put(frame, at, value, 4)
    frame[284], frame[285], frame[286], frame[287] = 5, 15, 24, 0xFE
    return cb.seal(frame)


def pack(model="JK_PB2A16S20P", firmware="19.27", address=1):
    """The Pack of the bridge, which has read its about frame."""
    made = Pack(b"1", address, "one")
    made.keep(about(model, firmware), cb.ABOUT)
    return made


class Battery:
    """Answers requests and writes as bytes; `faults` make it misbehave."""

    def __init__(self, address=1, model="JK_PB2A16S20P", firmware="19.27"):
        self.address = address
        self.frames = {cb.SETTINGS: settings(address), cb.ABOUT: about(model, firmware)}
        self.written = []  # bytes of every write that came
        self.exception = 0  # code it refuses writes with
        self.deaf = False  # acks and changes nothing
        self.silent = False  # answers nothing at all
        self.no_ack = False  # does it, but the ack is lost
        self.bend = 0  # added to what is written
        self.keeps = 0  # offset of a setting that a preset leaves alone

    def answer(self, kind):
        """A frame, or None."""
        return None if self.silent or kind not in self.frames else bytearray(self.frames[kind])

    def write(self, request):
        """What comes back: ("ack", register, words), ("exception", code), None, or a frame (a preset)."""
        request = bytes(request)
        self.written.append(request)
        assert cb.sealed(request[:-2]) == request, "CRC"
        assert request[0] == self.address and request[1] == 0x10 and request[4] == 0, request
        register = request[2] << 8 | request[3]
        words = request[5]
        assert request[6] == 2 * words and len(request) == 9 + 2 * words, request
        assert register not in FORBIDDEN
        if self.silent:
            return None
        if self.exception:
            return "exception", self.exception
        if not self.deaf:
            self._apply(register, words, request[7:-2])
        if register == 0x160C:
            return self.answer(cb.SETTINGS)
        return None if self.no_ack else ("ack", register, words)

    def _apply(self, register, words, data):
        if register == 0x160C:
            for at, value in PRESET_LFP:
                if at != self.keeps:
                    cb.put(self.frames[cb.SETTINGS], at, value, 4)
            cb.seal(self.frames[cb.SETTINGS])
        if register >= 0x1600:
            return
        frame = self.frames[cb.ABOUT if register >= 0x1400 else cb.SETTINGS]
        at = 6 + (register & 0x3FF if register < 0x1400 else register - 0x1400)
        if words == 2:
            assert register in PARAMETERS + ABOUT_PARAMETERS, hex(register)
            value = 0
            for byte in data:
                value = value << 8 | byte
            cb.put(frame, at, value + self.bend, 4)
        else:
            assert register in PAIRS, hex(register)
            if register == 0x1114:  # a 16-bit number, little-endian in the frame
                data = bytes((data[1], data[0]))
            frame[at] = data[0] + self.bend
            frame[at + 1] = data[1]
        cb.seal(frame)


class House:
    """A pack, its battery, and a bus on which one command is carried out, with its own clock."""

    def __init__(self, battery=None, chemistry="lfp", level=lock.ALL, start=1000):
        self.battery = battery or Battery()
        self.pack = pack()
        self.chemistry = chemistry
        self.level = level
        self.now = start
        self.transaction = None
        self.command = None
        self.refused = None
        self.hook = None  # called with the house before every turn

    def order(self, payload, field=""):
        """Take a command; True when it has a transaction."""
        self.command = Command(self.pack.id, field)
        self.refused = None
        try:
            self.command.read(payload, self.level)
        except CommandError as why:
            self.refused = why
            return False
        self.transaction = tr.Transaction(self.command, self.pack, self.level, self.chemistry, self.now)
        return True

    def turn(self):
        """One exchange on the bus, 150 ms."""
        one = self.transaction
        if self.hook:
            self.hook(self)
        want = one.wants(self.now)
        if want == tr.WRITE:
            tx = bytearray(16)
            length = one.request(tx, self.now)
            if length:
                self._reply(self.battery.write(tx[:length]))
        elif want:
            frame = self.battery.answer(want)
            self.now = self.now + 50 & 0x3FFFFFFF
            if frame is not None:
                if want == cb.LIVE:  # the intake keeps a good one before the command is told
                    self.pack.keep(frame, want)
                    self.pack.last_live = self.now
                one.heard_frame(want, frame, self.now)
        self.now = self.now + 100 & 0x3FFFFFFF
        one.tick(self.now)

    def _reply(self, said):
        self.now = self.now + 40 & 0x3FFFFFFF
        one = self.transaction
        if said is None:
            return
        if isinstance(said, bytearray):
            one.heard_ack(0x160C, 1, self.now)  # the ack behind the frame
            one.heard_frame(cb.SETTINGS, said, self.now)
        elif said[0] == "ack":
            one.heard_ack(said[1], said[2], self.now)
        else:
            one.heard_exception(said[1], self.now)

    def run(self, payload, field=""):
        """Carry out a command; returns its result as parsed JSON."""
        if self.order(payload, field):
            turns = 0
            while self.transaction.busy():
                self.turn()
                turns += 1
                assert turns < 2000, "it never ends"
        return self.result()

    def result(self):
        """The result message, parsed."""
        import json

        message = Message()
        message.start(False)
        message.body()
        if self.refused is not None:
            result.put_refused(message, self.command, self.refused)
        else:
            result.put_done(message, self.command, self.transaction)
        assert not message.overflow
        return json.loads(bytes(message.buf[message.topic_end : message.end]).decode())

    def sent(self):
        """(register, data) of every write, data as hex."""
        return [(hex(w[2] << 8 | w[3]), w[7:-2].hex()) for w in self.battery.written]
