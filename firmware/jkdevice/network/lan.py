"""Ethernet as a state machine: switched on once, watched for ever.

Not yet run on hardware; tests/shared/test_device_network.py drives it with a fake of network.LAN.
"""

from jkcore import clock, log
from jkcore.shim import const
from jkdevice import blocking
from jkdevice.backoff import Backoff

_LOOK_MS = const(250)
_PATIENCE_MS = const(30000)
_AGAIN_MS = const(600000)
_PINS = ("mdc", "mdio", "power", "reset", "ref_clk")


def arguments(rows, phy, pin):
    """The arguments of network.LAN for board.LAN. phy: number of the chip named by "phy_type", None: this port does not
    know it; pin: machine.Pin. Raises ValueError.
    """
    out = {}
    for name, value in rows:
        if name in _PINS:
            value = pin(value)
        elif name == "ref_clk_mode":
            value = pin.OUT if value == "OUT" else pin.IN
        elif name == "phy_type":
            if phy is None:
                raise ValueError("this MicroPython has no network." + value + " (board.LAN)")
            value = phy
        out[name] = value
    return out


class Lan:
    """lan: a network.LAN; log(level, text); ticks() -> 30-bit ms; got_ip: network.ETH_GOT_IP, None where there is none.
    """

    what = "Ethernet"

    def __init__(self, lan, log, ticks, got_ip=None):
        self.up = False
        self.losses = 0
        self._lan = lan
        self._log = log
        self._ticks = ticks
        self._got_ip = got_ip
        self._backoff = Backoff(60)
        self._active = False
        self._since = 0
        self._looked = -1
        self._said = -1

    def poll(self, now, idle=True):
        """Look how things are, a few times a second. idle: a step that blocks may start."""
        if self._looked < 0 or clock.since(now, self._looked) >= _LOOK_MS:
            self._looked = now
            self._step(now, idle)

    def _step(self, now, idle):
        # Not in poll(): with a try its state would come from the heap, at every turn of the loop.
        try:
            if not self._active and idle and self._backoff.due(now):
                self._switch_on(now)
            if self._active:
                self._watch(now)
        except OSError as error:
            self.up = False
            self._say(now, "Ethernet does not work (" + str(error) + "). It is tried again.")
            self._active = False
            self._backoff.failed(now)

    def rssi(self):
        """None: a cable has no strength of signal."""
        return

    def name_server(self):
        """Address of the DNS server DHCP has told, "" for none."""
        try:
            server = self._lan.ifconfig()[3]
        except (OSError, IndexError):
            return ""
        return "" if server == "0.0.0.0" else server

    def _switch_on(self, now):
        start = self._ticks()
        self._lan.active(True)
        blocking.note(clock.since(self._ticks(), start))
        self._active = True
        self._since = now

    def _watch(self, now):
        connected = self._lan.isconnected() and self._has_address()
        if connected and not self.up:
            self._said = -1
            self._backoff.reset()
            self._log(log.INFO, "Ethernet is up, address " + str(self._lan.ifconfig()[0]) + ".")
        elif self.up and not connected:
            self.losses += 1
            self._since = now
            self._log(log.WARNING, "Ethernet is lost: check the cable. The batteries are read on.")
        elif not connected and clock.since(now, self._since) >= _PATIENCE_MS:
            self._since = now
            self._say(now, "Ethernet has no address after 30 s: check the cable, the switch and its DHCP.")
        self.up = connected

    def _has_address(self):
        """isconnected() tells it only on newer ports. Without ifconfig() where that can be: it takes heap."""
        if self._got_ip is None:
            return self._lan.ifconfig()[0] != "0.0.0.0"
        return self._lan.status() == self._got_ip

    def _say(self, now, text):
        if self._said < 0 or clock.since(now, self._said) >= _AGAIN_MS:
            self._said = now
            self._log(log.WARNING, text)
