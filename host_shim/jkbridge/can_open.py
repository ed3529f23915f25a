"""Opens a CAN bus by python-can, or a log file in its place, and closes it however badly its driver behaves."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Sequence
from typing import Any

from . import can_link
from .can_errors import InterfaceDownError
from .can_frame import python_can
from .can_interfaces import FILE, arguments, interface_of
from .can_player import CanPlayer

_CLOSING = 2.0

Filter = tuple[int, int, bool]
"""(identifier, mask, extended): frames with identifier & mask of these come through."""


def open_bus(interface: str, channel: str, bitrate: int, listen_only: bool, filters: Sequence[Filter] = ()) -> Any:
    """An open bus: it has recv(timeout) and shutdown(). Raises whatever the interface does; see can_errors.sentence.

    bitrate: bit/s, 0 = the interface's own; filters: handed to interfaces that choose frames below Python.
    """
    if interface == FILE:
        return CanPlayer(channel)
    if interface == "socketcan" and can_link.exists(channel) and not can_link.is_up(channel):
        # Opening would succeed, and the first read fail.
        raise InterfaceDownError("switched off")
    options = arguments(interface, channel, bitrate, listen_only)
    if filters and interface_of(interface).filters:
        options["can_filters"] = [
            {"can_id": number, "can_mask": mask, "extended": extended} for number, mask, extended in filters
        ]
    return python_can().Bus(**options)


def shut(bus: Any) -> bool:
    """Close a bus, but wait no longer than two seconds for a driver that hangs; False when it does. May be repeated."""

    def close() -> None:
        with contextlib.suppress(Exception):
            bus.shutdown()

    closer = threading.Thread(target=close, name="closing a CAN bus", daemon=True)
    closer.start()
    closer.join(_CLOSING)
    return not closer.is_alive()
