"""The module network with its habits: WLAN of ESP32 and Pico W, LAN. Written from the notes on the ports' sources."""

STAT_CONNECTING = 1001
ETH_GOT_IP = 5


class Wlan:
    """network.WLAN(STA_IF). `air`: what is out there, name -> password; `router`: it gives addresses.

    Joining takes `takes` looks at isconnected(). connect() while joining raises, disconnect() of nothing too. An
    ESP32 goes on telling why it failed until it has joined (ports/esp32/network_wlan.c, 1.24 to 1.29: connect() does
    not reset wifi_sta_disconn_reason, and status() looks at it first); a Pico W begins anew.
    """

    def __init__(self, network):
        self.network = network
        self.air = {"house": "secret"}
        self.router = True
        self.takes = 3
        self.calls = []
        self.settings = {}
        self.error = None  # raised by connect() and disconnect(), and while it is asked for the signal
        self._active = False
        self._joining = None
        self._left = 0
        self._joined = ""
        self._status = 1000

    def active(self, on=None):
        if on is not None:
            self.calls.append("active" if on else "inactive")
            self._active = on
            if not on:
                assert self._joining is None, "switched off while it joins"
                self._joined = ""
        return self._active

    def config(self, name=None, **settings):
        assert name in (None, "ssid")
        for key in settings:
            if key not in self.network.settings:
                raise ValueError("unknown config param")
        self.settings.update(settings)
        return self._joined

    def connect(self, ssid, password):
        assert self._active
        if self.error is not None:
            raise self.error
        if self._joining is not None:
            raise OSError("Wifi Internal Error")
        self.calls.append("connect")
        self._joining = (ssid, password)
        self._left = self.takes
        if self.network.pico or self._status not in (self.network.STAT_NO_AP_FOUND, self.network.STAT_WRONG_PASSWORD):
            self._status = STAT_CONNECTING

    def disconnect(self):
        if self._joining is None and not self._joined:
            raise OSError("Wifi Not Started")
        self.calls.append("disconnect")
        self._joining = None
        self._joined = ""

    def lose(self):
        """The access point is gone for the moment."""
        self._joining = (self._joined, self.air.get(self._joined))
        self._joined = ""
        self._left = self.takes

    def isconnected(self):
        if self._joining is not None and self._left:
            self._left -= 1
            if not self._left:
                self._decide()
        return bool(self._joined)

    def _decide(self):
        ssid, password = self._joining
        if ssid not in self.air:
            self._status = self.network.STAT_NO_AP_FOUND
        elif self.air[ssid] != password:
            self._status = self.network.STAT_WRONG_PASSWORD
        elif self.router:
            self._joined = ssid
            self._joining = None
            self._status = 1010

    def status(self, what=None):
        if what == "rssi":
            if self.error is not None:
                raise self.error
            if not self._joined:
                raise OSError("not connected")
            return -61
        return self._status

    def ifconfig(self):
        if not self._joined:
            return ("0.0.0.0", "0.0.0.0", "0.0.0.0", "0.0.0.0")
        return ("192.168.1.77", "255.255.255.0", "192.168.1.1", "192.168.1.1")


class Lan:
    """network.LAN: up when the cable is in. old: isconnected() tells of the cable alone, as up to 1.24 or so."""

    def __init__(self, old=False, **arguments):
        self.arguments = arguments
        self.old = old
        self.cable = True
        self.router = True  # it gives addresses
        self.looks = 0  # at ifconfig(), which takes heap
        self.broken = False
        self.missing = False  # the chip does not answer when it is set up
        self.on = False
        self.calls = 0

    def active(self, on=None):
        if on is not None:
            self.calls += 1
            if self.broken or on == self.on:  # ESP_ERR_INVALID_STATE: lan_active() in ports/esp32/network_lan.c
                raise OSError("ethernet enable failed" if on else "ethernet disable failed")
            self.on = on
        return self.on

    def isconnected(self):
        return self.cable and (self.old or self.router)

    def status(self):
        return ETH_GOT_IP if self.cable and self.router else 2

    def ifconfig(self):
        self.looks += 1
        if self.cable and self.router:
            return ("192.168.1.78", "255.255.255.0", "192.168.1.1", "192.168.1.1")
        return 4 * ("0.0.0.0",)


class Network:
    """The module. pico: as on a Pico W (other numbers, no setting `reconnects`)."""

    STA_IF = 0
    PHY_LAN8720 = 3

    def __init__(self, pico=False):
        self.pico = pico
        self.STAT_WRONG_PASSWORD = -3 if pico else 202
        self.STAT_NO_AP_FOUND = -2 if pico else 201
        self.STAT_CONNECT_FAIL = -1 if pico else 203
        self.settings = ("pm",) if pico else ("pm", "reconnects")
        self.error = None  # raised when the radio is set up
        self.names = []
        self.wlan = Wlan(self)

    def WLAN(self, interface):
        assert interface == self.STA_IF
        if self.error is not None:
            raise self.error
        return self.wlan

    def hostname(self, name):
        self.names.append(name)
