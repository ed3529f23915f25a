"""Serial ports of this PC: the likely one, and why one cannot be opened, in words."""

from __future__ import annotations

import os

import serial
from serial.tools import list_ports

from device import DeviceError

_TYPICAL = "Typical are /dev/ttyUSB0 (CH340, CP2102, FTDI) and /dev/ttyACM0 (S3, C3, Pico)."


def likely() -> list[str]:
    """Ports with a USB adapter or board behind them."""
    return sorted(port.device for port in list_ports.comports() if port.vid is not None)


def choose(given: str) -> str:
    """The port to use: the one given, or the only likely one. Raises DeviceError."""
    if given:
        if given.startswith("/") and not os.path.exists(given):
            raise DeviceError(why_not(given, FileNotFoundError()))
        return given
    found = likely()
    if len(found) == 1:
        return found[0]
    if found:
        raise DeviceError(f"PORT is missing, and several are possible: {', '.join(found)}. Name one: PORT={found[0]}")
    raise DeviceError(
        "PORT is missing, and there is no USB serial port on this machine. Plug the board in with a cable that carries "
        f"data (many only charge), then try again. {_TYPICAL}"
    )


def check(port: str) -> None:
    """Open and close a port. Raises DeviceError with the reason why it cannot be used."""
    open_port(port).close()


def open_port(port: str) -> serial.Serial:
    """The port at 115200 baud, for nobody else meanwhile. Raises DeviceError with the reason why it cannot be used."""
    try:
        return serial.serial_for_url(port, 115200, exclusive=True, timeout=0.5)
    except (OSError, ValueError) as error:
        raise DeviceError(why_not(port, error)) from None


def why_not(port: str, error: BaseException) -> str:
    """The sentence for a port that could not be opened."""
    if not os.path.exists(port):
        others = likely()
        there = f"There are {', '.join(others)}." if others else "No USB serial port is there: is the cable for data?"
        return f"There is no port {port}. {there} {_TYPICAL}"
    if not os.access(port, os.R_OK | os.W_OK):
        return (
            f"You may not use {port}. Debian and Ubuntu: sudo usermod -aG dialout $USER, then log out and in again "
            "(Arch: the group is uucp)."
        )
    text = str(error)
    if "lock" in text or "busy" in text.lower():
        return (
            f"{port} is in use by another program: end it (a `make device-log` or `make repl` in another window, a "
            "serial monitor, the bridge on this PC, ModemManager)."
        )
    return f"{port} cannot be used as a serial port: {text}."
