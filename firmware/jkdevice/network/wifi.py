"""WiFi as a state machine: join, watch, join again, for ever; the bus goes on meanwhile.

Facts (notes of the project, from the ports' sources): an ESP32 tries again by itself without end and without a word,
also with a wrong password, so the number of its own tries is limited and the status asked; joining while it is
joining raises "Wifi Internal Error", so it is told to leave first and gets a second; power saving adds up to a
second to every answer. From 1.24 on, or earlier, an ESP32 goes on telling why it could not join, also while it joins
again, until it has joined (connect() does not reset it, micropython #17339): only a new word is news. Not yet run on
hardware; tests/shared/test_device_network.py drives it with a fake of network.WLAN.
"""

from jkcore import clock, log
from jkcore.shim import const
from jkdevice import blocking
from jkdevice.backoff import Backoff

_LOOK_MS = const(250)
_PATIENCE_MS = const(30000)  # for joining, an address from DHCP included
_STABLE_MS = const(10000)
_RESTART = const(3)  # failures after which the radio is switched off and on
_OWN_TRIES = const(2)  # of the ESP32 itself
_PM_NONE_CYW43 = const(0xA11140)

# An ESP32 raises RuntimeError for what it has no words for, memory that is short among it
_RADIO = (OSError, RuntimeError)
_REFUSED = _RADIO + (ValueError, TypeError)  # of a setting the port does not know

_OFF = const(0)
_JOINING = const(1)
_UP = const(2)


def _reasons(network):
    """What numbers of status() mean (they differ between ports; some have none), and what to do."""
    return (
        (getattr(network, "STAT_WRONG_PASSWORD", None), "the password is wrong: check wifi.password"),
        (
            getattr(network, "STAT_NO_AP_FOUND", None),
            "no WiFi of this name is heard: check wifi.ssid (2.4 GHz only) and the distance",
        ),
        (getattr(network, "STAT_CONNECT_FAIL", None), "joining failed: check wifi.password and the access point"),
        (getattr(network, "STAT_HANDSHAKE_TIMEOUT", None), "the access point broke off: check wifi.password"),
        (getattr(network, "STAT_BEACON_TIMEOUT", None), "the access point is not heard any more"),
        (getattr(network, "STAT_ASSOC_FAIL", None), "the access point refuses this device"),
    )


class Wifi:
    """config: the configuration's `wifi` table; network: the module; log(level, text); ticks() -> 30-bit ms."""

    what = "WiFi"

    def __init__(self, config, network, log, ticks):
        self.up = False
        self.losses = 0
        self._ssid = config["ssid"]
        self._password = config["password"]
        self._log = log
        self._ticks = ticks
        self._network = network
        self._reasons = _reasons(network)
        self._backoff = Backoff(60)
        self._state = _OFF
        self._since = 0
        self._looked = -1
        self._failures = 0
        self._told = None  # status() when joining began: a failure in it is an old one
        self._said = ""
        try:
            network.hostname(config["hostname"])  # before the radio is on
        except (AttributeError, OSError, ValueError):
            pass  # a port without names: the router shows the default one
        self._wlan = None

    def poll(self, now, idle=True):
        """Look how things are, a few times a second. idle: a step that blocks may start."""
        if self._looked >= 0 and clock.since(now, self._looked) < _LOOK_MS:
            return
        self._looked = now
        if self._state == _UP:
            self._watch(now)
        else:
            self._go_on(now, idle)

    def _go_on(self, now, idle):
        """A function of its own: with `as error` its state is too big for the stack, see mqtt_link._push."""
        try:
            if self._state == _JOINING:
                self._wait(now)
            elif idle and self._backoff.due(now):
                self._join(now)
        except _RADIO as error:
            self._fail(now, "the radio refuses (" + str(error) + ")")

    def renew(self, now):
        """It is joined, but nothing answers: switch the radio off and on."""
        self._failures = _RESTART - 1
        self._fail(now, "nothing answers over it for 10 min, so it is joined anew")

    def rssi(self):
        """Strength of the signal in dBm, None while there is none."""
        try:
            return self._wlan.status("rssi") if self.up else None
        except _REFUSED:
            return None

    def name_server(self):
        """Address of the DNS server DHCP has told, "" for none."""
        if self._wlan is None:
            return ""
        try:
            server = self._wlan.ifconfig()[3]
        except _RADIO:
            return ""
        return "" if server == "0.0.0.0" else server

    def _join(self, now):
        start = self._ticks()
        if self._wlan is None:
            self._wlan = self._network.WLAN(self._network.STA_IF)
        wlan = self._wlan
        if self._failures and self._failures % _RESTART == 0 and wlan.active():
            wlan.active(False)
        if not wlan.active():
            wlan.active(True)
        if wlan.isconnected() and _setting(wlan, "ssid") != self._ssid:
            wlan.disconnect()  # from before a restart of the program alone
        _configure(wlan)
        if not wlan.isconnected():
            wlan.connect(self._ssid, self._password)
        self._told = wlan.status()
        blocking.note(clock.since(self._ticks(), start))
        self._state = _JOINING
        self._since = now

    def _wait(self, now):
        if self._wlan.isconnected():
            self.up = True
            self._state = _UP
            self._since = now
            self._failures = 0
            self._told = None
            self._said = ""
            rssi = self.rssi()
            text = "The WiFi is joined, address " + str(self._wlan.ifconfig()[0])
            self._log(log.INFO, text + ("." if rssi is None else ", signal " + str(rssi) + " dBm."))
            return
        status = self._wlan.status()
        late = clock.since(now, self._since) >= _PATIENCE_MS
        for reason, text in self._reasons:
            if status == reason and (late or status != self._told):
                self._fail(now, text)
                return
        if late:
            self._fail(now, "it cannot be joined within 30 s: check wifi.ssid, wifi.password and that its DHCP works")

    def _watch(self, now):
        if not self._wlan.isconnected():  # which raises nothing on these ports
            self.up = False
            self.losses += 1
            self._state = _JOINING  # an ESP32 is at it already
            self._since = now
            self._log(log.WARNING, "The WiFi is lost. The batteries are read on.")
        elif clock.since(now, self._since) >= _STABLE_MS:
            self._since = now
            self._backoff.reset()

    def _fail(self, now, text):
        self.up = False
        self._state = _OFF
        self._failures += 1
        wait = self._backoff.failed(now)
        again = ". Next try in " + str((wait + 999) // 1000) + " s."
        self._log(log.DEBUG if text == self._said else log.WARNING, "WiFi: " + text + again)
        self._said = text
        if self._wlan is None:
            return
        try:
            self._wlan.disconnect()  # also before it is switched off, or an ESP32 goes on joining
        except _RADIO:
            pass  # it was not joined


def _configure(wlan):
    """No power saving, and few tries of its own, where the port knows these settings."""
    for key, value in (("pm", getattr(wlan, "PM_NONE", _PM_NONE_CYW43)), ("reconnects", _OWN_TRIES)):
        try:
            wlan.config(**{key: value})
        except _REFUSED:
            pass


def _setting(wlan, name):
    try:
        return wlan.config(name)
    except _REFUSED:
        return ""
