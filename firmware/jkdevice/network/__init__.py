"""The way into the house's network: WiFi or Ethernet, and the look-up of names. Loaded only where the board needs it.

wifi.Wifi and lan.Lan are alike: `up`; poll(now, idle), every turn; renew(now), when nothing is reached
over it; rssi(); name_server(). Nothing here waits but for switching on, only while idle.
"""

from jkdevice.memory import forget


class Names:
    """Makes look-ups on a network: names(name, now), see dns.Lookup, which is in memory only while one is under way."""

    def __init__(self, network):
        self._network = network

    def __call__(self, name, now):
        from jkdevice.network import dns

        lookup = dns.Lookup(name, self._network.name_server(), now)
        forget(("network.dns",))
        return lookup
