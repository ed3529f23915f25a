"""The module CAN that a firmware build of one's own may bring to an ESP32, receiving only.

API: src_can_v2 of straga/micropython-esp32-twai (June 2025, MicroPython 1.25): `import CAN` gives a class. recv()
without a list makes a tuple and bytes for every frame; with a list it takes no heap, but its length must be
trusted, so there is room for more than eight bytes. It raises where nothing waits, so any() is asked first. Each
call of info() makes a dict: once a second. Not yet run on hardware.
"""

from jkcore.shim import const
from jkdevice.can.receiver import ACTIVE, BUS_OFF, PASSIVE, WARNING, Receiver

_QUEUE = const(32)  # frames; the module's default is 1


class UserCan(Receiver):
    """kind: the class CAN of module CAN; tx, rx: pin numbers. There are no filters: the core looks at the ids."""

    def __init__(self, name, listen, kind, tx, rx, bitrate):
        super().__init__(name, listen)
        self._kind = kind
        self._tx = tx
        self._rx = rx
        self._bitrate = bitrate
        self._can = None
        self.data = bytearray(16)
        self._got = [0, False, False, memoryview(self.data)]  # id, extended, remote, data
        self._missed = 0
        self._bad = 0

    def receive(self):
        """True: a frame is in the fields, see receiver.py."""
        if not self._up or not self._fetch():
            return False
        got = self._got
        self.ident = got[0]
        self.extended = got[1]
        self.remote = got[2]
        length = len(got[3])
        self.length = length if length < 8 else 8
        self.frames = (self.frames + 1) & 0x3FFFFFFF
        return True

    def _fetch(self):
        try:
            if not self._can.any():
                return False
            self._can.recv(self._got, timeout=0)
            return True
        except OSError:
            self._suspect = True
            return False

    def _setup(self):
        kind = self._kind
        mode = kind.LISTEN_ONLY if self.listen else kind.NORMAL
        how = {"mode": mode, "tx": self._tx, "rx": self._rx, "bitrate": self._bitrate, "extframe": True}
        self._can = kind(0, rx_queue=_QUEUE, **how)
        self._missed = 0
        self._bad = 0

    def _state(self):
        state = self._can.state()
        info = self._can.info()
        self.overflows += max(info["rx_missed_count"] - self._missed, 0)
        self._missed = info["rx_missed_count"]
        self.errors += max(info["bus_error_count"] - self._bad, 0)
        self._bad = info["bus_error_count"]
        if state != self._kind.ERROR_ACTIVE:
            # BUS_OFF; three seconds later RECOVERING, then STOPPED, and nobody starts it but we.
            return BUS_OFF
        worst = max(info["tx_error_counter"], info["rx_error_counter"])
        if self.listen or worst < 96:  # listening, the receive counter may be held at 128 (an erratum's cure)
            return ACTIVE
        return PASSIVE if worst >= 128 else WARNING

    def _shutdown(self):
        self._can.deinit()
