"""A bridge and the smallest possible line, on both interpreters: every request is answered by a function.

>>> bench = Bench([1, 2], lambda address, kind: cb.unit(cb.FRAMES[kind](), address))
>>> bench.run(10000)
>>> bench.messages[0]                      # (ms, topic, payload, retain), texts

Time starts at `start` and passes in steps; nothing sleeps.
"""

import core_bytes as cb

from jkcore import config
from jkcore.bridge import Bridge

_KINDS = {0x1E: cb.SETTINGS, 0x20: cb.LIVE, 0x1C: cb.ABOUT}


def healthy(address, kind):
    """The answer of a healthy pack; settings carry its address."""
    return cb.unit(cb.settings(address) if kind == cb.SETTINGS else cb.FRAMES[kind](), address)


def configuration(packs, interval=5, port="/dev/ttyUSB0", role="auto", **more):
    """A complete configuration; packs: None for all that are heard."""
    raw = {"interval": interval, "bus": {"port": port, "packs": packs, "role": role}}
    raw.update(more)
    return config.load(raw, "host")


class Bench:
    """packs: addresses; answer(address, kind) -> bytes of the line; more: keys of the configuration."""

    def __init__(self, packs, answer=healthy, interval=5, start=1000, connect=True, instance=b"aabbccdd", **more):
        self.answer = answer
        self.messages = []
        self.requests = []  # (ms, address, kind)
        self.said = []  # (ms, level, text)
        self.now = start
        self.ms = 0  # since the start
        self.delay = 20
        self.step = 20
        self._lines = []  # (ms, bytes) under way
        self.bridge = Bridge(configuration(packs, interval, **more), self._log, instance, "test", "test")
        self.bus = self.bridge.buses[0]
        self.bus.opened(self.now)
        if connect:
            self.bridge.connected(self.now)

    def _log(self, level, text):
        self.said.append((self.ms, level, text))

    def turn(self):
        """One turn of the loop."""
        while self._lines and self._lines[0][0] <= self.ms:
            data = self._lines.pop(0)[1]
            self.bus.feed(data, len(data), self.now)
        count = self.bus.tick(self.now)
        if count:
            tx = bytes(self.bus.tx[:count])
            kind = _KINDS.get(tx[3], 0) if tx[2] == 0x16 else 0
            self.requests.append((self.ms, tx[0], kind))
            if kind:
                assert tx == cb.request(tx[0], kind), tx
                data = self.answer(tx[0], kind)
            else:
                data = self.wrote(tx)
            if data:
                self._lines.append((self.ms + self.delay, data))
        self.bridge.tick(self.now)
        self.take()

    def wrote(self, tx):
        """The answer to a write, which nothing asks for here unless a test takes them."""
        raise AssertionError("a write was sent")

    def take(self):
        message = self.bridge.message
        while self.bridge.next_message(self.now):
            topic = bytes(message.buf[7 : message.topic_end]).decode()
            payload = bytes(message.buf[message.topic_end : message.end]).decode()
            self.messages.append((self.ms, topic, payload, message.retain))

    def run(self, ms):
        end = self.ms + ms
        while self.ms < end:
            self.turn()
            self.ms += self.step
            self.now = (self.now + self.step) & 0x3FFFFFFF
        return self

    def hear(self, data, chunk=64):
        """Somebody else's bytes arrive, in pieces, at the pace of the line."""
        for start in range(0, len(data), chunk):
            piece = data[start : start + chunk]
            self.bus.feed(piece, len(piece), self.now)
            self.turn()
            self.ms += 6
            self.now = (self.now + 6) & 0x3FFFFFFF

    def of(self, topic):
        """Payloads of one topic."""
        return [m[2] for m in self.messages if m[1] == topic]

    def warnings(self):
        return [s[2] for s in self.said if s[1] >= 30]
