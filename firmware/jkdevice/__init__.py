"""The device's own side: ports, MQTT session, loop, log and files on MicroPython. Imports jkcore only."""
