"""The traffic of JK batteries on a CAN bus, for tests of receivers: ids, order and periods as measured (can.md,
section 2), with the time each frame takes and arbitration by priority. Times are in microseconds.
"""

STANDARD_BITS = 118  # a frame of 8 bytes with some stuff bits and the pause behind it
EXTENDED_BITS = 140

# (base id, period ms, ms after the start of the cycle); the order inside a cycle is the recorded one
MESSAGES = (
    (0x2F4, 100, 0),
    (0x4F4, 100, 1),
    (0x18F128F4, 200, 2),
    (0x18F528F4, 500, 3),
    (0x1806E5F4, 500, 4),
    (0x5F4, 1000, 5),
    (0x18F228F4, 1000, 6),
    (0x18F428F4, 1000, 7),
    (0x18E028F4, 1500, 8),
    (0x18E128F4, 1500, 9),
    (0x18E228F4, 1500, 10),
    (0x18E328F4, 1500, 11),
)
FAULT_MESSAGES = (0x7F4, 0x18F328F4)  # while there is an alarm
CONTROL = 0x18F0F428
# Ids of an inverter's profile: somebody else on the same wires who sends them back to back, ten times a second
FOREIGN = (0x305, 0x307, 0x351, 0x355, 0x356, 0x359, 0x35C, 0x35E, 0x35F, 0x370)


def _due(packs, milliseconds, foreign):
    """[(time, priority, id)] of what wants to be sent, sorted."""
    wanted = []
    for pack in range(packs):
        phase = pack * 37 % 100 * 1000 + pack * 13
        for base, period, after in MESSAGES:
            # Slow messages of different packs do not all fall into the same cycle.
            first = pack % (period // 100) * 100
            for start in range(first, milliseconds - 100, period):
                wanted.append(((start + after) * 1000 + phase, base + pack))
    if foreign:
        for start in range(50, milliseconds - 100, 100):
            wanted += [(start * 1000, ident) for ident in FOREIGN]
    return sorted(wanted)


def _priority(ident):
    """Lower wins: eleven bits first, then a standard frame before an extended one."""
    return (ident >> 18) * 2 + 1 if ident > 0x7FF else ident * 2


def frames(packs, milliseconds, bitrate, foreign=False):
    """Generator of (time of its end, id, extended, data) in the order of the wire."""
    wanted = _due(packs, milliseconds, foreign)
    waiting = []
    now = 0
    at = 0
    number = 0
    while at < len(wanted) or waiting:
        if not waiting and wanted[at][0] > now:
            now = wanted[at][0]
        while at < len(wanted) and wanted[at][0] <= now:
            waiting.append(wanted[at][1])
            at += 1
        ident = min(waiting, key=_key)
        waiting.remove(ident)
        extended = ident > 0x7FF
        now += (EXTENDED_BITS if extended else STANDARD_BITS) * 1000000 // bitrate
        number += 1
        yield now, ident, extended, bytes((number & 255, number >> 8 & 255, 3, 4, 5, 6, 7, ident & 255))


def _key(ident):
    return _priority(ident) << 12 | ident & 0xFFF


class Line:
    """Time, a bus and a chip on it. `turn_us`: what one SPI transaction costs the program; `interrupt`: the handler
    of INT, run `latency_us` after the edge unless the program is inside a transaction.
    """

    def __init__(self, chip, frames, bitrate, turn_us=120, latency_us=200):
        self.chip = chip
        self.bitrate = bitrate
        self.now = 0
        self.heard = 0
        self.done = False
        self._frames = frames
        self._turn = turn_us
        self._latency = latency_us
        self._pin = None
        self._fire = None
        self._blocked = 0  # no interrupt before this time: a long step of the interpreter
        self._next = None
        self._pull()

    def interrupts(self, pin):
        """Run the handler of this pin."""
        self._pin = pin
        self.chip.edge = self._fell

    def _fell(self):
        self._fire = self.now + self._latency

    def block(self, us):
        """The program does something that no handler interrupts, for so long."""
        self._blocked = self.now + us

    def spend(self):
        """A transaction took its time."""
        self.pass_until(self.now + self._turn)

    def pass_until(self, time):
        """Deliver frames, and run the handler when it is due, until `time`."""
        while True:
            fire = None if self._fire is None else max(self._fire, self._blocked)
            frame = None if self.done else self._next[0]
            if fire is not None and fire <= time and (frame is None or fire <= frame):
                self.now = max(self.now, fire)
                self._fire = None
                if self._pin.handler:
                    self._pin.handler(self._pin)  # time passes in it
                    time = max(time, self.now)
            elif frame is not None and frame <= time:
                self.now = max(self.now, frame)
                self._deliver()
            else:
                self.now = max(self.now, time)
                return

    def _deliver(self):
        item = self._next
        self._pull()
        self.heard += 1
        self.chip.hear(item[1], item[2], item[3], self.bitrate)

    def _pull(self):
        try:
            self._next = next(self._frames)
        except StopIteration:
            self.done = True
