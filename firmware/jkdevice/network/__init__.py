"""The way into the house's network: WiFi or Ethernet, and the look-up of names. Loaded only where the board needs it.

wifi.Wifi and lan.Lan are alike: `up`; poll(now), a few times a second; rssi(); name_server(). Nothing here waits.
"""
