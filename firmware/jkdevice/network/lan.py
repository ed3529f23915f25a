"""Ethernet as a state machine: set up and switched on once, watched for ever. What does not work is tried again.

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


def arguments(rows, network, pin):
    """The arguments of network.LAN for board.LAN. pin: machine.Pin. Raises ValueError for a PHY this port does not
    know.
    """
    out = {}
    for name, value in rows:
        if name in _PINS:
            value = pin(value)
        elif name == "ref_clk_mode":
            value = pin.OUT if value == "OUT" else pin.IN
        elif name == "phy_type":
            value = _phy(network, value)
        out[name] = value
    return out


def maker(kind, rows):
    """make() of a Lan. kind: network.LAN. Not in hardware.py: a function keeps its whole module in memory."""
    return lambda: kind(**rows)


def _phy(network, name):
    """The constant of a kind of Ethernet chip."""
    known = {
        "PHY_LAN8710": getattr(network, "PHY_LAN8710", None),
        "PHY_LAN8720": getattr(network, "PHY_LAN8720", None),
        "PHY_IP101": getattr(network, "PHY_IP101", None),
        "PHY_RTL8201": getattr(network, "PHY_RTL8201", None),
        "PHY_DP83848": getattr(network, "PHY_DP83848", None),
        "PHY_KSZ8041": getattr(network, "PHY_KSZ8041", None),
        "PHY_KSZ8081": getattr(network, "PHY_KSZ8081", None),
    }
    if known.get(name) is None:
        raise ValueError("this MicroPython has no network." + name + " (board.LAN)")
    return known[name]


class Lan:
    """make() -> a network.LAN; log(level, text); ticks() -> 30-bit ms; got_ip: network.ETH_GOT_IP, None where there is
    none.
    """

    what = "Ethernet"

    def __init__(self, make, log, ticks, got_ip=None):
        self.up = False
        self.losses = 0
        self._make = make
        self._lan = None
        self._log = log
        self._ticks = ticks
        self._got_ip = got_ip
        self._backoff = Backoff(60)
        self._active = False
        self._since = 0
        self._looked = -1
        self._said = -1

    def set_up(self):
        """Make the interface at the start. Raises ValueError for a board file the port cannot use; what the chip does
        not do now, poll() tries again and says.
        """
        try:
            self._lan = self._make()
        except OSError:
            pass

    def poll(self, now, idle=True):
        """Look how things are, a few times a second. idle: a step that blocks may start."""
        if self._looked >= 0 and clock.since(now, self._looked) < _LOOK_MS:
            return
        self._looked = now
        if self.up:
            self._watch(now)
        else:
            self._go_on(now, idle)

    def _go_on(self, now, idle):
        """A function of its own: with `as error` its state is too big for the stack, see mqtt_link._push."""
        try:
            if not self._active and idle and self._backoff.due(now):
                self._switch_on(now)
            if self._active:
                self._watch(now)
        except (OSError, ValueError) as error:
            self.up = False
            self._say(now, "Ethernet does not work (" + str(error) + "). It is tried again.")
            self._active = False
            self._backoff.failed(now)

    def renew(self, now):
        """It is up, but nothing answers: switch it off and on."""
        self.up = False
        self._active = False
        self._log(log.WARNING, "Nothing answers over the Ethernet for 10 min: it is switched off and on.")
        try:
            self._lan.active(False)
        except OSError:
            pass  # said at the next try

    def rssi(self):
        """None: a cable has no strength of signal."""
        return

    def name_server(self):
        """Address of the DNS server DHCP has told, "" for none."""
        if self._lan is None:
            return ""
        try:
            server = self._lan.ifconfig()[3]
        except OSError:
            return ""
        return "" if server == "0.0.0.0" else server

    def _switch_on(self, now):
        start = self._ticks()
        if self._lan is None:
            self._lan = self._make()
        if not self._lan.active():  # it may be from before a restart of the program alone, and raises then
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
