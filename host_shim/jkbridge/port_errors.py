"""What went wrong with a serial port or gateway, as one sentence that says where and what to do.

pyserial reports almost everything as SerialException with a text of its own; what helps a person is the errno
underneath and the state of the device file, so these are looked at instead of the text.
"""

from __future__ import annotations

import errno
import getpass
import os
import socket
import stat
from pathlib import Path
from urllib.parse import urlsplit

_AWAY = (errno.ENOENT, errno.ENODEV, errno.ENXIO)
_BUSY = (errno.EBUSY, errno.EAGAIN)


def sentence(port: str, error: BaseException) -> str:
    """Why `port` (as configured) could not be opened."""
    return _gateway(port, error) if "://" in port else _device(port, error)


def kind(port: str, error: BaseException) -> str:
    """The same for machines: missing, denied, busy, no_tty or failed."""
    number = _errno(error)
    if number in _AWAY or not os.path.exists(port):
        return "missing"
    if number in (errno.EACCES, errno.EPERM):
        return "denied"
    if number in _BUSY:
        return "busy"
    return "no_tty" if number in (errno.ENOTTY, errno.EINVAL) and not _is_tty(port) else "failed"


def vanished(port: str, error: BaseException | None) -> str:
    """Why an open `port` stopped working."""
    if "://" in port:
        if error is None or "disconnect" in str(error):
            text = "the gateway closed the connection (many serve one client only: is another program connected?)"
        else:
            text = f"the connection broke ({_reason(error)})"
        return f"{port}: {text}. Trying again."
    if not os.path.exists(port):
        return f"{port} has vanished: was the cable pulled? Trying again until it is back."
    if error is not None and "multiple access" in str(error):
        holder = holders(port)
        return (
            f"{port} gave no bytes although it had some: another program reads the same port"
            f"{' (' + holder + ')' if holder else ''}. Stop it. Trying again."
        )
    return f"{port} stopped working{f' ({_reason(error)})' if error else ''}. Trying again."


def serial_ports() -> list[str]:
    """The serial ports of this machine for people: by-id path where there is one, and what the adapter says it is."""
    from serial.tools import list_ports

    names: dict[str, str] = {}
    folder = Path("/dev/serial/by-id")
    if folder.is_dir():
        for link in sorted(folder.iterdir()):
            names[os.path.realpath(link)] = str(link)
    out = []
    for found in sorted(list_ports.comports(), key=lambda p: str(p.device)):
        # The kernel lists legacy ports that no hardware stands behind.
        if found.hwid == "n/a" and found.device.startswith("/dev/ttyS"):
            continue
        about = found.description if found.description not in (None, "n/a", "") else "serial port"
        by_id = names.get(os.path.realpath(found.device))
        out.append(f"{by_id} ({found.device}, {about})" if by_id else f"{found.device} ({about})")
    return out


def holders(port: str) -> str:
    """Other processes that have this device open, as "name (pid 12)", as far as we may see them."""
    real = os.path.realpath(port)
    out = []
    try:
        processes = [entry for entry in os.listdir("/proc") if entry.isdecimal() and int(entry) != os.getpid()]
    except OSError:
        return ""
    for process in processes:
        folder = f"/proc/{process}/fd"
        try:
            if any(os.readlink(f"{folder}/{number}") == real for number in os.listdir(folder)):
                name = Path(f"/proc/{process}/comm").read_text(encoding="utf-8", errors="replace").strip()
                out.append(f"{name} (pid {process})")
        except OSError:  # not ours to look at, or gone meanwhile
            continue
    return ", ".join(out)


def _causes(error: BaseException | None) -> list[BaseException]:
    """The error and what it was raised from: pyserial wraps the one that tells."""
    out: list[BaseException] = []
    while error is not None and error not in out:
        out.append(error)
        error = error.__cause__ or error.__context__
    return out


def _errno(error: BaseException | None) -> int:
    for cause in _causes(error):
        if isinstance(cause, OSError) and cause.errno:
            return int(cause.errno)
        # termios.error is no OSError, but carries its errno first.
        if type(cause).__name__ == "error" and cause.args and isinstance(cause.args[0], int):
            return int(cause.args[0])
    return 0


def _reason(error: BaseException | None) -> str:
    number = _errno(error)
    return os.strerror(number) if number else str(error)


def _device(port: str, error: BaseException) -> str:
    number = _errno(error)
    if number in _AWAY or not os.path.exists(port):
        return f"{port} does not exist: is the adapter plugged in, the name right? {_listing()} Trying again."
    if number in (errno.EACCES, errno.EPERM):
        return f"No permission to use {port}. {_permission(port)} Trying again."
    if number in _BUSY:
        holder = holders(port)
        return f"{port} is in use by {holder or 'another program'}: stop it, or use another port. Trying again."
    if number in (errno.ENOTTY, errno.EINVAL) and not _is_tty(port):
        return f"{port} is no serial port: set bus.port to one. {_listing()} Trying again."
    return f"{port} cannot be opened: {_reason(error)}. Trying again."


def _listing() -> str:
    ports = serial_ports()
    return f"Ports of this machine: {'; '.join(ports)}." if ports else "This machine has no serial port now."


def _is_tty(port: str) -> bool:
    try:
        return stat.S_ISCHR(os.stat(port).st_mode) and not os.path.realpath(port).endswith(("/null", "/zero"))
    except OSError:
        return False


def _permission(port: str) -> str:
    try:
        import grp

        group = grp.getgrgid(os.stat(port).st_gid).gr_name
    except (ImportError, KeyError, OSError):
        group = "dialout"
    if group == "root":
        return "It belongs to root alone: run the bridge as a user who may use it, or add a udev rule for the adapter."
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container may have a user id without a name
        user = "$USER"
    return f"It belongs to the group {group}: run `sudo usermod -aG {group} {user}` and log in again."


def _gateway(port: str, error: BaseException) -> str:
    parts = urlsplit(port)
    where = f"{parts.hostname}:{parts.port}"
    for cause in _causes(error):
        if isinstance(cause, socket.gaierror):
            return (
                f"The gateway name {parts.hostname} of {port} cannot be resolved: check its spelling, "
                "or use the IP address. Trying again."
            )
        if isinstance(cause, ConnectionRefusedError):
            return (
                f"The gateway {where} refuses the connection: is it in TCP server mode, is this its port, "
                "is another client connected? Trying again."
            )
        if isinstance(cause, TimeoutError):
            return f"The gateway {where} does not answer: is it powered and in this network? Trying again."
    number = _errno(error)
    if number in (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN, errno.EHOSTDOWN):
        return f"The gateway {where} cannot be reached ({os.strerror(number)}): check network, address. Trying again."
    return f"{port} cannot be opened: {_reason(error)}. Trying again."
