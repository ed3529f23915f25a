"""A CAN bus on a receiver of the board (jkdevice.can.receiver): frames to the core, faults to people. It only reads:
there is no write.
"""

import sys

from jkcore import can, clock, log
from jkcore.shim import const
from jkdevice.can.receiver import BUS_OFF, CLOSED

_LOOK_MS = const(1000)
_FRAMES = const(64)  # in one go: a bus that never rests may not starve MQTT
_SILENT = const(10)  # looks

# What may be wrong with an open bus; jkdevice.can.words has the sentences
GOOD = const(0)
OFF = const(1)  # the controller is off the bus
ODD = const(2)  # the receiver says it itself
GARBLED = const(3)  # errors, not one frame
SILENT = const(4)


class CanPort:
    """receiver: see jkdevice.can.receiver, not opened yet."""

    def __init__(self, bus, receiver, log):
        self.bus = bus
        self._receiver = receiver
        self._log = log
        self._state = CLOSED
        self._why = ""
        self._trouble = GOOD
        self._looked = 0
        self._frames = 0  # of the receiver at the last look
        self._errors = 0
        self._quiet = 0  # looks without a frame

    def poll(self, now):
        """Every turn: keep the receiver going, and say once what has changed."""
        receiver = self._receiver
        receiver.poll(now)
        if receiver.state != self._state or receiver.why != self._why:
            self._changed(now)
        elif clock.since(now, self._looked) >= _LOOK_MS:
            self._look(now)

    def drain(self, now):
        """Hand the frames that wait to the bus, as many as one go may take."""
        receiver = self._receiver
        left = _FRAMES
        while left and receiver.receive():
            left -= 1
            flags = receiver.length
            if receiver.extended:
                flags |= can.EXTENDED
            if receiver.remote:
                flags |= can.REMOTE
            self.bus.feed_frame(receiver.ident, flags, receiver.data, now)

    def close(self):
        """Leave the bus."""
        self._receiver.close()

    def _changed(self, now):
        receiver = self._receiver
        self._state = receiver.state
        self._why = receiver.why
        self._measure(now)
        if self._state == CLOSED:
            text = self._words(ODD) + " It is tried again."
            self._trouble = GOOD
            self._log(log.WARNING, text)
            self.bus.closed(now, text)
            return
        if not self.bus.is_open:
            self._quiet = 0
            self._frames = receiver.frames
            self._errors = receiver.errors
            self._log(log.INFO, self._words(GOOD))
            self.bus.opened(now)
        self._judge()

    def _look(self, now):
        self._measure(now)
        if self.bus.is_open:
            self._judge()

    def _measure(self, now):
        receiver = self._receiver
        self._looked = now
        self.bus.measured(receiver.errors, receiver.overflows, receiver.bus_off)

    def _judge(self):
        """Say what is wrong with the open bus, when that has changed."""
        kind = self._kind()
        if kind == self._trouble:
            return
        self._trouble = kind
        if kind == GOOD:
            self._log(log.INFO, self._receiver.name + ": frames come again.")
            self.bus.troubled("")
            return
        text = self._words(kind)
        self._log(log.WARNING, text)
        self.bus.troubled(text)

    def _kind(self):
        receiver = self._receiver
        frames = receiver.frames != self._frames
        errors = receiver.errors != self._errors
        self._frames = receiver.frames
        self._errors = receiver.errors
        self._quiet = 0 if frames else self._quiet + 1
        if self._state == BUS_OFF:
            return OFF
        if self._why:
            return ODD
        if frames:
            return GOOD
        if errors:
            return GARBLED
        # A controller that gives up counting errors has not become better.
        return SILENT if self._quiet >= _SILENT and self._trouble != GARBLED else self._trouble

    def _words(self, kind):
        """A sentence out of jkdevice.can.words, which is seldom needed and does not stay in the memory."""
        from jkdevice import can as package
        from jkdevice.can import words

        text = words.sentence(kind, self._receiver, self.bus.config["bitrate"])
        del sys.modules["jkdevice.can.words"]
        del package.words
        return text
