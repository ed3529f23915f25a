"""jkcore: JK (Jikong) PB-series battery bytes in, bus bytes and MQTT messages out.

The same files run on MicroPython (ESP32, Pico W) and on CPython. Nothing here reads a clock, a socket, a pin or a
file; time is passed in as a 30-bit wrapping millisecond count (see clock.py); there is no float anywhere.

Where to look
  fields/       one row per field: name, offset, kind, decimals, unit, Home Assistant class (the only place for these)
  modbus.py     CRC-16 and the requests a master sends
  framer.py     byte stream -> units (JK frames, requests, acks, exceptions), resynchronising
  gate.py       plausibility of a live frame
  pack.py       one battery: its raw frames as they came, present(row) and scaled(row)
  poll.py       the master's schedule: whom to ask for what, when
  rs485.py      one RS485 bus: framer + poller + packs
  message.py    one outgoing MQTT message in a fixed buffer, numbers as text
  payload.py    pack and bridge states as JSON
  words.py, discovery.py   what Home Assistant is told
  outbox.py     pending messages, each made from the newest that is known
  publish.py    when which of them may be sent
  writes/       changing settings: loaded for a command, forgotten afterwards
  bridge.py     all of it together: the object both homes drive
"""
