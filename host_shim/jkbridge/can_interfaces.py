"""What the interfaces of python-can can do: set the bit rate, listen without acknowledging, filter, admit their death.

From the sources of python-can 4.4 to 4.6. An interface that is not in the table (a plug-in) is given channel and bit
rate, and nothing else is taken for granted.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from jkcore.config import ConfigError

from .can_frame import PythonCanMissingError, python_can

FILE = "file"
"""Our own name for a log file that is played at the pace it was recorded at."""
BITRATES = (10_000, 20_000, 50_000, 100_000, 125_000, 250_000, 500_000, 800_000, 1_000_000)


class Interface(NamedTuple):
    """sets_bitrate: the bridge sets the bit rate, not the system; listen_only: the arguments that make it listen
    without acknowledging, None when there are none; filters: frames are chosen below Python; package: what pip calls
    its driver; serial: its channel is a serial port; numbered: its channels are numbers; mute: a lost adapter
    shows itself only by silence; linux_errors: error frames tell what was wrong in the Linux format.
    """

    sets_bitrate: bool = True
    listen_only: dict[str, Any] | None = None
    filters: bool = False
    package: str = ""
    serial: bool = False
    numbered: bool = False
    mute: bool = False
    linux_errors: bool = False


_PASSIVE = {"state": "PASSIVE"}  # becomes can.BusState.PASSIVE
_KNOWN = {
    "socketcan": Interface(sets_bitrate=False, filters=True, linux_errors=True),
    "socketcand": Interface(sets_bitrate=False),
    "virtual": Interface(sets_bitrate=False),
    "udp_multicast": Interface(sets_bitrate=False, package="msgpack"),
    FILE: Interface(sets_bitrate=False),
    "serial": Interface(sets_bitrate=False, serial=True),
    "slcan": Interface(listen_only={"listen_only": True}, serial=True),
    "seeedstudio": Interface(listen_only={"operation_mode": "silent"}, serial=True, mute=True),
    "robotell": Interface(serial=True, mute=True),
    "gs_usb": Interface(package="gs-usb", numbered=True, mute=True, linux_errors=True),
    "canalystii": Interface(package="canalystii", numbered=True, mute=True),
    "cantact": Interface(listen_only={"monitor": True}, package="cantact", numbered=True, mute=True),
    "pcan": Interface(listen_only=_PASSIVE, filters=True, mute=True),
    "systec": Interface(listen_only=_PASSIVE, numbered=True, mute=True),
    "kvaser": Interface(listen_only={"driver_mode": False}, numbered=True, mute=True),
    "vector": Interface(listen_only={"listen_only": True}, filters=True, numbered=True, mute=True),
    "nixnet": Interface(listen_only={"listen_only": True}, package="nixnet", mute=True),
    "neovi": Interface(package="python-ics", numbered=True, mute=True),
    "ixxat": Interface(filters=True, numbered=True, mute=True),
    "usb2can": Interface(package="pywin32", mute=True),
}
_UNKNOWN = Interface(mute=True)
_NICKNAMES = {
    "canable": 'slcan with channel = "/dev/ttyACM0" (its slcan firmware), or socketcan or gs_usb (candlelight)',
    "candlelight": "socketcan (Linux) or gs_usb",
    "can0": 'socketcan with channel = "can0"',
    "vcan": 'socketcan with channel = "vcan0"',
    "peak": 'socketcan (Linux) or pcan with channel = "PCAN_USBBUS1"',
}


def interface_of(name: str) -> Interface:
    """What is known of the interface `name`."""
    return _KNOWN.get(name, _UNKNOWN)


def check_can(interface: str, channel: str, bitrate: int) -> None:
    """ConfigError when these can be no CAN bus. bitrate: bit/s; 0: to be found out."""
    known: set[str] = {*_KNOWN}
    try:
        known |= set(python_can().VALID_INTERFACES)
    except PythonCanMissingError:
        known.add(interface)  # a plug-in, perhaps; opening it will say what is missing
    if interface in _NICKNAMES or interface not in known:
        meant = _NICKNAMES.get(interface)
        raise ConfigError(
            f'bus.interface = "{interface}" is not possible: '
            + (f"use {meant}." if meant else f"allowed is one of {', '.join(sorted(known))}.")
            + ' Example: interface = "socketcan", channel = "can0"',
            "bus.interface",
        )
    if not channel:
        raise ConfigError(
            'bus.channel is missing: the name or number of the adapter. Example: channel = "can0"', "bus.channel"
        )
    if bitrate and bitrate not in BITRATES:
        raise ConfigError(
            f"bus.bitrate = {bitrate} is not possible: allowed is one of {', '.join(map(str, BITRATES))} (JK: 250000 "
            "for the app's CAN option 000, 500000 for 006). Example: bitrate = 500000",
            "bus.bitrate",
        )
    if interface == "socketcand":
        socketcand(channel)


def arguments(interface: str, channel: str, bitrate: int, listen_only: bool) -> dict[str, Any]:
    """Arguments of can.Bus for this bus."""
    known = interface_of(interface)
    out: dict[str, Any] = {"interface": interface, "channel": channel, "ignore_config": True}
    if known.numbered and channel.isdecimal():
        out["channel"] = int(channel)
    if interface == "socketcand":
        host, port, out["channel"] = socketcand(channel)
        out.update(host=host, port=port)
    if known.sets_bitrate and bitrate:
        out["bitrate"] = bitrate
    if listen_only and known.listen_only:
        out.update(known.listen_only)
        if out.get("state") == "PASSIVE":
            out["state"] = python_can().BusState.PASSIVE
    return out


def socketcand(channel: str) -> tuple[str, int, str]:
    """(host, port, channel) of "can0@host:port". Raises ConfigError."""
    name, _, where = channel.partition("@")
    host, _, port = where.rpartition(":")
    if not name or not host or not port.isdecimal() or int(port) > 65535:
        raise ConfigError(
            f'bus.channel = "{channel}" is not possible for socketcand: allowed is CHANNEL@HOST:PORT. '
            'Example: channel = "can0@192.168.1.20:29536"',
            "bus.channel",
        )
    return host, int(port), name
