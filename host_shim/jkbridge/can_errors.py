"""What went wrong with a CAN adapter or on its bus, as one sentence that says where and what to do.

python-can's interfaces raise whatever their drivers give them; what helps a person is the errno underneath, the state
of the interface, and which package or driver is not there.
"""

from __future__ import annotations

import errno
import os

from . import can_link, port_errors
from .can_frame import PythonCanMissingError
from .can_interfaces import FILE, interface_of

TAKES_PART = (
    "This interface cannot be told to listen only: it acknowledges frames, and a wrong bit rate would disturb the bus"
)

_DOWN = (errno.ENETDOWN,)
_AWAY = (errno.ENODEV, errno.ENXIO, errno.ENOENT)
_NO_FAMILY = (errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT)
_DRIVERS = {
    "pcan": "the driver PCAN-Basic of PEAK-System",
    "kvaser": "Kvaser's driver and CANlib",
    "vector": "Vector's XL driver library (Windows)",
    "ixxat": "the driver VCI of HMS (Windows)",
    "systec": "the driver of SYS TEC (Windows)",
    "nixnet": "the driver NI-XNET (Windows)",
    "usb2can": "the driver of 8devices (Windows)",
    "etas": "the driver BOA of ETAS (Windows)",
    "nican": "the driver NI-CAN (Windows)",
    "iscan": "the driver of Thorsis (Windows)",
    "neousys": "the driver of Neousys",
}


class InterfaceDownError(OSError):
    """A network interface is there but switched off."""


class GarbledError(Exception):
    """An adapter answers, but nothing of it makes sense."""


def makes_no_sense(error: BaseException) -> bool:
    """True for what python-can raises over bytes of an adapter that it cannot read, such as a damaged line of slcan;
    False where the adapter itself failed."""
    causes = _causes(error)
    return any(isinstance(cause, (ValueError, IndexError)) for cause in causes) and not any(
        isinstance(cause, OSError) for cause in causes
    )


def speed(bitrate: int) -> str:
    """A bit rate for people: 500 kbit/s, 83.3 kbit/s."""
    return f"{bitrate / 1000:g} kbit/s"


def sentence(interface: str, channel: str, bitrate: int, error: BaseException) -> str:
    """Why the CAN bus `interface`:`channel` could not be opened. bitrate: bit/s, 0 = not given."""
    name = f"{interface}:{channel}"
    if isinstance(error, PythonCanMissingError):
        return f"{error} Trying again."
    if interface == FILE:
        return f"{str(error).removesuffix('.')}. Trying again."
    if isinstance(error, GarbledError):
        return garbled(interface, channel, error)
    if interface == "socketcan":
        found = _socketcan(channel, bitrate or 500_000, error)
        if found:
            return found
    package = _missing(interface, error)
    if package:
        return package
    known = interface_of(interface)
    if known.serial and any(isinstance(cause, OSError) for cause in _causes(error)):
        return port_errors.sentence(channel.split("@")[0], error).replace("bus.port", "bus.channel")
    number = _errno(error)
    if number in (errno.EACCES, errno.EPERM) or "insufficient permissions" in str(error).lower():
        return (
            f"No permission to use {name}. For a USB adapter add a udev rule, such as "
            'SUBSYSTEM=="usb", ATTR{idVendor}=="1d50", MODE="0660", GROUP="plugdev", and plug it in again. '
            "Trying again."
        )
    if number == errno.EBUSY or "resource busy" in str(error).lower():
        return (
            f"{name} is in use by another program or the kernel's own driver: stop that program, or use the adapter "
            f'as interface = "socketcan", channel = "can0". Trying again.'
        )
    if "no backend available" in str(error).lower():
        return f"{name} needs libusb, which is not installed: sudo apt install libusb-1.0-0. Trying again."
    if number in _AWAY or "cannot find device" in str(error).lower() or "no device" in str(error).lower():
        return f"{name} does not exist: is the adapter plugged in, is its channel right? Trying again."
    if interface == "udp_multicast":
        return (
            f"{name} cannot be joined ({_reason(error)}): is it a multicast address (239.0.0.0 to 239.255.255.255), is "
            "there a network? Trying again."
        )
    if interface == "socketcand":
        return f"{name}: nothing answers ({_reason(error)}): is socketcand running there, and reachable? Trying again."
    if isinstance(error, ValueError) and "bitrate" in str(error).lower():
        return f"{name} cannot do {speed(bitrate)}: {error} Trying again."
    return f"{name} cannot be opened: {_reason(error)}. Trying again."


def kind(interface: str, channel: str, error: BaseException) -> str:
    """A word for the same, for programs."""
    number = _errno(error)
    if isinstance(error, PythonCanMissingError) or interface != FILE and _missing(interface, error):
        return "driver_missing"
    if interface == "socketcan" and (isinstance(error, AttributeError) or number in _NO_FAMILY):
        return "driver_missing"
    if isinstance(error, InterfaceDownError) or number in _DOWN:
        return "adapter_down"
    if number in (errno.EACCES, errno.EPERM):
        return "adapter_denied"
    if number == errno.EBUSY:
        return "adapter_busy"
    return "adapter_missing" if number in _AWAY or "no device" in str(error).lower() else "adapter_failed"


def vanished(interface: str, channel: str, error: BaseException) -> str:
    """Why an open bus stopped working."""
    name = f"{interface}:{channel}"
    number = _errno(error)
    if interface == "socketcan":
        if not can_link.exists(channel) or number in _AWAY:
            return f"{channel} has vanished: was the adapter pulled? Trying again until it is back."
        if number in _DOWN or not can_link.is_up(channel):
            return f"{channel} was switched off: sudo ip link set {channel} up. Trying again until it is back."
    if interface_of(interface).serial:
        port = channel.split("@")[0]
        if "://" not in port and not os.path.exists(port):
            return f"{port} has vanished: was the adapter pulled? Trying again until it is back."
    return f"{name} stopped working ({_reason(error)}). Trying again."


def hanging(interface: str, channel: str) -> str:
    """An interface does not come back from being closed."""
    return (
        f"{interface}:{channel} does not let itself be closed; its driver hangs. The bridge opens it anew all the "
        "same. If it does not come back: unplug the adapter and plug it in again."
    )


def slow(interface: str, channel: str, seconds: int) -> str:
    """An interface does not come back from being opened."""
    return (
        f"{interface}:{channel} has not opened for {seconds} s; its driver hangs. Unplug the adapter and plug it in "
        "again, then start the bridge again."
    )


def trouble(
    interface: str, channel: str, state: str, bitrate: int, listening: bool, restart_ms: int = 0
) -> str:
    """What is wrong with an open bus in one of CanHealth's states; "" for a good one."""
    if state == "bus-off":
        return bus_off(interface, channel, restart_ms)
    if state == "unacknowledged":
        return unacknowledged(interface, channel)
    if state == "errors":
        return wrong_bitrate(interface, channel, bitrate)
    if state == "silent":
        return silent(interface, channel, bitrate, listening)
    return ""


def wrong_bitrate(interface: str, channel: str, bitrate: int) -> str:
    """Only error frames come."""
    at = f" at {speed(bitrate)}" if bitrate else ""
    other = {250_000: 500_000, 500_000: 250_000}.get(bitrate, 500_000)
    return (
        f"{interface}:{channel}: only errors come from the bus{at}, not one frame. The bit rate is wrong, or the wires "
        f"are (H and L swapped, no 120 ohm at both ends). JK's option 000 is 250 kbit/s, 006 is 500 kbit/s: "
        f"{_how_to_set(interface, channel, other)}."
    )


def elsewhere(interface: str, channel: str, bitrate: int, found: int) -> str:
    """Frames come at another bit rate than the one that was configured."""
    return (
        f"{interface}:{channel}: nothing comes at {speed(bitrate)}, but frames come at {speed(found)}: "
        f"set bus.bitrate = {found}."
        + ("" if found in (250_000, 500_000) else " That is no bit rate of JK's broadcast: is it the right bus?")
    )


def different(channel: str, bitrate: int, real: int) -> str:
    """The system runs the interface at another bit rate than the configuration says."""
    return (
        f"{channel} runs at {speed(real)}, but bus.bitrate is {bitrate}. What counts is the interface: change "
        f"bus.bitrate to {real}, or {_how_to_set('socketcan', channel, bitrate)}."
    )


def unacknowledged(interface: str, channel: str) -> str:
    """The battery repeats its frames because nobody acknowledges them."""
    return (
        f"{interface}:{channel}: the battery sends, but nobody acknowledges its frames: this bridge only listens, and "
        f"no inverter or second battery is there. {_how_to_acknowledge(interface, channel)}"
    )


def silent(interface: str, channel: str, bitrate: int, listen_only: bool) -> str:
    """Nothing comes at all, no errors either."""
    at = f" at {speed(bitrate)}" if bitrate else ""
    text = (
        f"{interface}:{channel}: nothing comes from the bus{at}. Is the battery on, is its CAN protocol 000 (250 "
        "kbit/s) or 006 (500 kbit/s) in the app, are H and L the right way round?"
    )
    if listen_only:
        text += (
            " If this bridge and one battery are alone on the bus, listening is not enough: "
            + _how_to_acknowledge(interface, channel)
        )
    return text


def bus_off(interface: str, channel: str, restart_ms: int = 0) -> str:
    """The controller took itself off the bus."""
    text = f"{interface}:{channel} is off the bus after too many errors (bus-off): wrong bit rate or bad wires."
    if interface != "socketcan":
        return text + " Opening it again."
    if restart_ms:
        return text + f" The system switches it on again after {restart_ms} ms."
    return (
        text + f" It stays off until: sudo ip link set {channel} type can restart. So that this happens by itself: "
        f"sudo ip link set {channel} down; sudo ip link set {channel} up type can bitrate 500000 restart-ms 1000"
    )


def not_found(interface: str, channel: str) -> str:
    """No bit rate gave frames."""
    return (
        f"{interface}:{channel}: no frame came at 500, 250, 125 or 1000 kbit/s while only listening. Is the battery "
        "on, are the wires right? If this bridge and one battery are alone on the bus, nothing can be found that way: "
        f"set bus.bitrate to what the app says. {_how_to_acknowledge(interface, channel)} Trying again."
    )


def cannot_detect(interface: str, channel: str) -> str:
    """The bit rate cannot be tried out without disturbing the bus."""
    return (
        f"{interface}:{channel} cannot listen without taking part, and a wrong bit rate would disturb the others on "
        "the bus: set bus.bitrate to 500000 (app option 006) or 250000 (option 000). Trying again."
    )


def foreign_bitrate(interface: str, channel: str, found: int) -> str:
    """Detection found a bit rate JK does not have."""
    return (
        f"{interface}:{channel}: this bus runs at {speed(found)}, which is no bit rate of JK's broadcast (250 or 500 "
        "kbit/s): is it the right bus? Trying again."
    )


def garbled(interface: str, channel: str, error: BaseException) -> str:
    """The adapter talks nonsense."""
    return (
        f"{interface}:{channel} says nothing that can be understood ({_reason(error)}): is this the right interface "
        "for the adapter and its firmware? Trying again."
    )


def _how_to_set(interface: str, channel: str, bitrate: int) -> str:
    if interface == "socketcan":
        return f"sudo ip link set {channel} down; sudo ip link set {channel} up type can bitrate {bitrate}"
    return f"try bus.bitrate = {bitrate}"


def _how_to_acknowledge(interface: str, channel: str) -> str:
    if interface == "socketcan":
        return (
            f"Let it acknowledge: sudo ip link set {channel} down; sudo ip link set {channel} up type can bitrate "
            "500000 listen-only off"
        )
    return "Let it acknowledge: listen_only = false (it still never sends a frame)."


def _socketcan(channel: str, bitrate: int, error: BaseException) -> str:
    up = f"sudo ip link set {channel} up type can bitrate {bitrate}"
    number = _errno(error)
    if isinstance(error, InterfaceDownError) or number in _DOWN:
        return f"{channel} is switched off: {up}. Trying again."
    if isinstance(error, AttributeError) or number in _NO_FAMILY:
        return (
            f"socketcan:{channel}: this system has no SocketCAN. On Linux: sudo modprobe can_raw; elsewhere use "
            "another interface, such as slcan or gs_usb. Trying again."
        )
    if number in _AWAY:
        there = can_link.interfaces()
        listing = f"CAN interfaces of this machine: {', '.join(there)}." if there else "This machine has none now."
        return f"{channel} does not exist: is the adapter plugged in? {listing} Then: {up}. Trying again."
    if number in (errno.EACCES, errno.EPERM):
        return (
            f"No permission to use {channel}. In a container: give it the host's network (network_mode: host). "
            "Trying again."
        )
    return ""


def _missing(interface: str, error: BaseException) -> str:
    """The sentence for a package or driver that is not installed; "" when it is something else."""
    name = type(error).__name__
    text = str(error).lower()
    # python-can's "not implemented" stands for anything from an unknown name to a library that cannot be loaded, and
    # some of its interfaces raise ImportError, NameError or a bare OSError for it.
    gone = name in ("CanInterfaceNotImplementedError", "ImportError", "ModuleNotFoundError", "NameError")
    gone = gone or "not installed" in text or "library not found" in text or "no module named" in text
    if not gone:
        return ""
    package = interface_of(interface).package
    if package:
        return f"{interface} needs the package {package}, which is not installed: pip install {package}. Trying again."
    driver = _DRIVERS.get(interface)
    if driver:
        return f"{interface} needs {driver}, which is not installed here. Trying again."
    return f"{interface} cannot be used here: {error}. Trying again."


def _causes(error: BaseException | None) -> list[BaseException]:
    out: list[BaseException] = []
    while error is not None and error not in out:
        out.append(error)
        error = error.__cause__ or error.__context__
    return out


def _errno(error: BaseException) -> int:
    for cause in _causes(error):
        for name in ("errno", "error_code"):
            number = getattr(cause, name, None)
            if isinstance(number, int) and number:
                return number
    return 0


def _reason(error: BaseException) -> str:
    for cause in _causes(error):
        if isinstance(cause, OSError) and cause.errno:
            return os.strerror(cause.errno) if cause.errno > 0 else str(cause.strerror)
    return str(error) or type(error).__name__
