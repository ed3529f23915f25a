"""jkbridge on CPython: serial ports, MQTT session, configuration files and command line around jkcore.

Where to look
  cli.py            the command line; run.py assembles `jkbridge run`
  settings.py       configuration from file, environment and flags; the schema itself is jkcore.config
  ports.py          a serial line or TCP gateway, opened and reopened for ever in its own thread
  mqtt.py           the MQTT session on paho-mqtt; mqtt_flow.py what may be on its way
  loop.py           the loop both the bridge and replay turn, and the watchdog over it
  table.py          what a person sees while it runs
  recording.py      the text format of recorded bus bytes; replay.py runs one through the bridge
  broker.py, demo.py  embedded broker and simulated bus, for a start with nothing configured
  simulator/        batteries made of software
"""
