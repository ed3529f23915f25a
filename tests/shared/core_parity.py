"""Plays a script of times, bytes and events into a bridge and prints what it publishes, sends and says.

`python core_parity.py SCRIPT [core|device] [PER_SECOND]`. core: the bridge is driven directly; device: by the device's
own loop, on a port and a session that are fakes. Lines of a script: first the configuration as JSON, then
  <now> turn [hex]            one turn of the loop; hex: bytes that arrived
  <now> opened | closed REASON | connected | disconnected | stop
  <now> received TOPIC R PAYLOAD    R: 1 when retained; PAYLOAD: hex, - for none
Every message becomes one line: retain, topic, payload; bridge/info and bridge/health, where the homes may differ, are
left out.
"""

import json
import sys

from jkcore import config
from jkcore.bridge import Bridge


class Player:
    """Drives the bridge itself."""

    def __init__(self, raw, out, per_second=50):
        self.out = out
        self.bridge = Bridge(config.load(raw, "host"), self._log, b"aabbccdd", "any", "any", per_second)
        self.bus = self.bridge.buses[0]

    def _log(self, level, text):
        self.out("log %d %s" % (level, text))

    def play(self, line):
        words = line.split(" ", 2)
        now = int(words[0])
        rest = words[2] if len(words) > 2 else ""
        if words[1] == "turn":
            self.turn(now, bytes.fromhex(rest))
        else:
            self.happen(now, words[1], rest)

    def happen(self, now, what, rest):
        """Something other than a turn: of the port, of the session, or the end."""
        if what == "opened":
            self.bus.opened(now)
        elif what == "closed":
            self.bus.closed(now, rest)
        elif what == "stop":
            self.bridge.stop(now)
        else:
            session_event(self.bridge, now, what, rest)

    def turn(self, now, data):
        if data:
            self.bus.feed(data, len(data), now)
        count = self.bus.tick(now)
        if count:
            self.sent(self.bus.tx, count)
        self.bridge.tick(now)
        while self.bridge.next_message(now):
            self.told(self.bridge.message)

    def sent(self, tx, count):
        self.out("send %s" % "".join(["%02x" % b for b in tx[:count]]))

    def told(self, message):
        topic = bytes(message.buf[7 : message.topic_end]).decode()
        if topic[-12:] != "/bridge/info" and topic[-14:] != "/bridge/health":
            payload = bytes(message.buf[message.topic_end : message.end]).decode()
            self.out("%d %s %s" % (message.retain, topic, payload))


def session_event(bridge, now, what, rest):
    """The session tells the bridge."""
    if what == "connected":
        bridge.connected(now)
    elif what == "disconnected":
        bridge.disconnected(now)
    elif what == "received":
        topic, retained, payload = rest.split(" ")
        payload = bytes.fromhex(payload)
        bridge.received(topic.encode(), payload[:512], retained == "1", False, now, len(payload) <= 512)
    else:
        raise ValueError(what)


class Session:
    """As the loops see it: what happens to it happens in poll(); it takes everything while it is up."""

    reconnects = 0

    def __init__(self, player):
        self.player = player
        self.waiting = []
        self.online = False
        self.told = 0
        self.idle = True

    def poll(self, now):
        while self.waiting:
            what, rest = self.waiting.pop(0)
            if what != "received":
                self.online = what == "connected"
            session_event(self.player.bridge, now, what, rest)

    def ready(self):
        return self.online

    def up(self):
        return self.online

    def publish(self, message):
        self.told += 1
        self.player.told(message)


class DevicePort:
    """A UART as jkdevice.loop sees it."""

    def __init__(self, player):
        self.player = player
        self.bus = player.bus
        self.buf = bytearray(64)
        self.line = bytearray()
        self.waiting = []

    def poll(self, now):
        while self.waiting:
            what, rest = self.waiting.pop(0)
            if what == "opened":
                self.bus.opened(now)
            else:
                self.bus.closed(now, rest)

    def read(self):
        count = min(len(self.line), len(self.buf))
        if count:
            self.buf[0:count] = self.line[0:count]
            self.line = self.line[count:]
        return count

    def write(self, tx, count, now):
        self.player.sent(tx, count)

    def close(self):
        pass


class LoopPlayer(Player):
    """Drives a home's loop; `make` builds it."""

    def __init__(self, raw, out, per_second=50):
        super().__init__(raw, out, per_second)
        self.session = Session(self)
        self.make()

    def make(self):
        from jkdevice.loop import Loop

        self.port = DevicePort(self)
        self.loop = Loop(self.bridge, [self.port], self.session, lambda: self.now, None)

    def busy(self):
        return len(self.port.line) > 0

    def arrive(self, now, data):
        self.port.line.extend(data)

    def happen(self, now, what, rest):
        if what in ("opened", "closed"):
            self.port.waiting.append((what, rest))
        elif what == "stop":
            self.bridge.stop(now)
        else:
            self.session.waiting.append((what, rest))

    def turn(self, now, data):
        """A device's loop turns every few ms and sends eight messages a turn: again until nothing is left."""
        self.arrive(now, data)
        while True:
            told = self.session.told
            self.now = now
            self.loop.turn(now)
            if self.session.told == told and not self.busy():
                return


def main(path, out, make=Player, per_second=50):
    with open(path) as file:
        player = make(json.loads(file.readline()), out, per_second)
        for line in file:
            if line.strip():
                player.play(line.strip())


if __name__ == "__main__":
    words = sys.argv[2:] + ["core", "50"][len(sys.argv) - 2 :]
    main(sys.argv[1], print, {"core": Player, "device": LoopPlayer}[words[0]], int(words[1]))
