"""The module `network` of a board with WiFi: tests/shared/network_fakes.py, told by the file air.txt what is out there:
a line "name password" for each access point; nothing: none. The sockets are the PC's own, up or not.
"""

from network_fakes import Network, Wlan

_network = Network()
STA_IF = _network.STA_IF
STAT_WRONG_PASSWORD = _network.STAT_WRONG_PASSWORD
STAT_NO_AP_FOUND = _network.STAT_NO_AP_FOUND
STAT_CONNECT_FAIL = _network.STAT_CONNECT_FAIL


class _Told(Wlan):
    def isconnected(self):
        try:
            with open("air.txt") as file:
                self.air = dict([line.split() for line in file if line.strip()])
        except OSError:
            self.air = {}
        if self._joined and self._joined not in self.air:
            self.lose()
        return Wlan.isconnected(self)

    def ifconfig(self):
        return ("127.0.0.1", "255.0.0.0", "127.0.0.1", "127.0.0.1") if self._joined else 4 * ("0.0.0.0",)


_wlan = _Told(_network)


def WLAN(interface):
    return _wlan


def hostname(name):
    pass
