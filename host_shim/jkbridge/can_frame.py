"""A CAN frame as this side of the bridge hands it on, and the way to python-can, which is an optional package."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    import can

CLASSIC = 8
"""Most data bytes of a frame; CAN FD, which has more, is nothing JK speaks."""
UNIQUE = 11
"""Behind this address an identifier of 11 bits may be anybody's (jkcore.canhearing)."""


class CanFrame(NamedTuple):
    """One frame from the bus.

    at: ms, of the port's clock or from the start of a log; id: 11 or 29 bits; remote: a request without data; error: no
    frame, but something the controller has to say, in the Linux format where the adapter knows it; dlc: data length
    the frame claims, which can be more than `data` holds in a remote frame alone.
    """

    at: int
    id: int
    extended: bool
    remote: bool
    error: bool
    dlc: int
    data: bytes


class CanEvent(NamedTuple):
    """Something a port has to say, with its time in ms.

    kind: "frame" (frame is set; error frames and remote frames too), "opened", "closed" (reason says why), or "state":
    the bus is open, and reason says what is wrong with it, or is empty when nothing is any more.
    """

    kind: Literal["opened", "closed", "frame", "state"]
    at: int
    frame: CanFrame | None = None
    reason: str = ""


class PythonCanMissingError(Exception):
    """The package python-can is not installed; the text says what to do."""


def python_can() -> Any:
    """The module `can`, quiet: what it would say on stderr is said by the bridge. Raises PythonCanMissingError."""
    try:
        import can
    except ImportError as error:
        raise PythonCanMissingError(
            'CAN needs the package python-can, which is not installed: pip install "jkbridge[can]" '
            f"(or pip install python-can). {str(error).rstrip('.')}."
        ) from error
    logger = logging.getLogger("can")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
        logger.propagate = False
    return can


def frame_of(message: can.Message, at: int) -> CanFrame | None:
    """A message of python-can, complete at `at`; None for CAN FD and for one whose numbers make no sense."""
    data = bytes(message.data or b"")
    dlc = message.dlc
    identifier = message.arbitration_id
    if message.is_error_frame:
        return CanFrame(at, identifier & 0x1FFFFFFF, False, False, True, min(dlc, CLASSIC), data[:CLASSIC])
    extended = bool(message.is_extended_id)
    if message.is_fd or not 0 <= dlc <= CLASSIC or not 0 <= identifier <= (0x1FFFFFFF if extended else 0x7FF):
        return None
    if message.is_remote_frame:
        return CanFrame(at, identifier, extended, True, False, dlc, b"")
    if len(data) < dlc:
        return None
    return CanFrame(at, identifier, extended, False, False, dlc, data[:dlc])
