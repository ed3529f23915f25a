"""`make device-log`: what the device prints, as it comes. Nothing is ever sent, so its program is not stopped."""

from __future__ import annotations

import codecs
import contextlib
import sys
import time

import serial

from device import DeviceError, ports, say


def follow(port: str) -> None:
    """Until Ctrl-C. A port that vanishes is waited for; one that cannot be opened at the start is an error."""
    port = ports.choose(port)
    line = ports.open_port(port)
    decoder = codecs.getincrementaldecoder("utf-8")("replace")  # an umlaut may come in two pieces
    with contextlib.suppress(KeyboardInterrupt):
        say(f"Console of the device at {port}. Ctrl-C ends this log; the device's program goes on.")
        while True:
            try:
                data = line.read(max(1, line.in_waiting))
            except OSError as error:
                line.close()
                say(f"\n[the device at {port} went away ({error}); waiting for it to come back]")
                line = _wait_for(port)
                say("[it is back]")
                continue
            if data:
                sys.stdout.write(decoder.decode(data).replace("\r\n", "\n"))
                sys.stdout.flush()
    say("\nLog ended; the device goes on.")


def _wait_for(port: str) -> serial.Serial:
    while True:
        time.sleep(0.3)
        with contextlib.suppress(DeviceError):
            return ports.open_port(port)

