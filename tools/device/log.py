"""`make device-log`: what the device prints, as it comes. Nothing is ever sent, so its program is not stopped."""

from __future__ import annotations

import contextlib
import sys
import time

import serial

from device import DeviceError, ports, say


def follow(port: str) -> None:
    """Until Ctrl-C. A port that vanishes is waited for; one that cannot be opened at the start is an error."""
    port = ports.choose(port)
    ports.check(port)
    say(f"Console of the device at {port}. Ctrl-C ends this log; the device's program goes on.")
    with contextlib.suppress(KeyboardInterrupt):
        waiting = False
        while True:
            try:
                _copy(port)
            except (OSError, serial.SerialException) as error:
                if not waiting:
                    say(f"\n[the device at {port} went away ({error}); waiting for it to come back]")
                waiting = True
                time.sleep(0.3)
                while not _is_there(port):
                    time.sleep(0.5)
                say("[it is back]")
                waiting = False
    say("\nLog ended; the device goes on.")


def _is_there(port: str) -> bool:
    try:
        ports.check(port)
    except DeviceError:
        return False
    return True


def _copy(port: str) -> None:
    with serial.serial_for_url(port, 115200, timeout=0.5, exclusive=True) as line:
        while True:
            data = line.read(max(1, line.in_waiting))
            if data:
                sys.stdout.write(data.decode(errors="replace").replace("\r\n", "\n"))
                sys.stdout.flush()
