"""The way into the house's network: WiFi or Ethernet, and the look-up of names. Loaded only where the board needs it.

wifi.Wifi and lan.Lan are alike: `up`; poll(now, idle), every turn; renew(now), when nothing is reached
over it; rssi(); name_server(). Nothing here waits but for switching on, only while idle.
"""
