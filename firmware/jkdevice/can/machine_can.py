"""machine.CAN, where the port has it (MicroPython 1.28: STM32; later also MIMXRT and Alif; not ESP32, not RP2),
receiving only. Its driver fetches by interrupt into a queue of its own.

API: docs/library/machine.CAN.rst and extmod/machine_can.c of MicroPython. Not yet run on hardware.
"""

from jkdevice.can import acceptance
from jkdevice.can.receiver import ACTIVE, BUS_OFF, CLOSED, PASSIVE, WARNING, Receiver


class MachineCan(Receiver):
    """kind: the class machine.CAN; number: of the controller; everything: True switches the filters off."""

    def __init__(self, name, listen, kind, number, bitrate, everything):
        super().__init__(name, listen)
        self._kind = kind
        self._number = number
        self._bitrate = bitrate
        self._everything = everything
        self._can = None
        self.data = bytearray(64)  # recv() believes that a frame of CAN FD fits
        self._got = [0, memoryview(self.data), 0, 0]  # id, data, flags, errors: recv() takes no heap with it
        self._counters = [0] * 8
        self._known = 0

    def receive(self):
        """True: a frame is in the fields, see receiver.py."""
        if not self._up or not self._fetch():
            return False
        got = self._got
        if got[3] & self._kind.RECV_ERR_OVERRUN:
            self.overflows += 1
        self.ident = got[0]
        self.extended = got[2] & self._kind.FLAG_EXT_ID != 0
        self.remote = got[2] & self._kind.FLAG_RTR != 0
        length = len(got[1])  # recv() sets the length of the view
        self.length = length if length < 8 else 8
        self.frames = (self.frames + 1) & 0x3FFFFFFF
        return True

    def _fetch(self):
        try:
            return self._can.recv(self._got) is not None
        except OSError:  # it has been deinitialised
            self._suspect = True
            return False

    def _setup(self):
        kind = self._kind
        mode = kind.MODE_SILENT if self.listen else kind.MODE_NORMAL
        self._can = kind(self._number, self._bitrate, mode=mode)
        self._known = 0
        filters = None
        if not self._everything:
            filters = [(row[0], row[1], kind.FLAG_EXT_ID if row[2] else 0) for row in acceptance.EXACT]
        try:
            self._can.set_filters(filters)
        except ValueError:
            self._can.set_filters(None)  # fewer filters than we have: the core looks at the ids, too

    def _state(self):
        kind = self._kind
        state = self._can.state()
        if state == kind.STATE_STOPPED:
            self.why = self.name + ": machine.CAN was stopped by somebody else."
            return CLOSED
        counters = self._can.get_counters(self._counters)
        # How often it went into warning and passive; None where a controller does not count.
        known = (counters[2] or 0) + (counters[3] or 0)
        self.errors += max(known - self._known, 0)
        self._known = known
        if state == kind.STATE_BUS_OFF:
            return BUS_OFF
        if state == kind.STATE_PASSIVE:
            return PASSIVE
        return WARNING if state == kind.STATE_WARNING else ACTIVE

    def _shutdown(self):
        self._can.deinit()
