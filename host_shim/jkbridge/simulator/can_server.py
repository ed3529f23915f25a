"""Puts a simulated CAN bus onto a python-can interface in real time, or into a log file as fast as it goes."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .can_line import CanLine
from .can_wire import Sent
from .readings import Values

if TYPE_CHECKING:
    import can

_REST_S = 0.05
_SIMULATED = ("virtual", "udp_multicast")


class CanServer:
    """Sends what `line` carries on a python-can bus, in a thread of its own, with the wall clock.

    interface, channel: as python-can knows them, but no real bus: "virtual", "udp_multicast", or "socketcan" with a
    vcan interface. A simulated battery on the bus of a real one would mislead its inverter, and a simulated display
    switch it. Use it as a context manager, or call start() and stop(); it runs once. Raises OSError with a sentence
    when the bus cannot be opened. `lock` must be held by anybody who touches the line while the server runs. `unsent`:
    frames the interface would not take.
    """

    def __init__(self, line: CanLine, interface: str, channel: str) -> None:
        self.line = line
        self.interface = interface
        self.channel = channel
        self.lock = threading.RLock()
        self.unsent = 0
        self._bus: can.BusABC | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> CanServer:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @staticmethod
    def now_ms() -> int:
        """The clock the line is run with, ms wrapping at 30 bits."""
        return time.monotonic_ns() // 1_000_000 & 0x3FFFFFFF

    def start(self) -> CanServer:
        """Open the bus and send from now on."""
        if not _is_simulated(self.interface, self.channel):
            raise OSError(
                f"{self.interface}:{self.channel} may be a real bus, and a simulated battery there would mislead the "
                "inverter. Possible are udp_multicast:239.74.163.2, virtual:NAME and socketcan:vcan0 (sudo ip link add "
                "vcan0 type vcan; sudo ip link set vcan0 up), or a log file"
            )
        can = python_can()
        try:
            self._bus = can.Bus(interface=self.interface, channel=self.channel, ignore_config=True)
        except Exception as error:  # every interface has errors of its own
            hint = ". Is it an address from 239.0.0.0 to 239.255.255.255?" if self.interface == "udp_multicast" else ""
            raise OSError(f"cannot send on {self.interface}:{self.channel}: {error}{hint}") from error
        self._thread = threading.Thread(target=self._turn, name="simulated CAN bus", daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Close the bus and end the thread."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(5)
            self._thread = None
        if self._bus is not None:
            self._bus.shutdown()
            self._bus = None

    def truth(self, address: int) -> Values:
        """What pack `address` says now; see CanPack.truth_at."""
        with self.lock:
            return self.line.packs[address].truth(self.now_ms())

    def _turn(self) -> None:
        can = python_can()
        assert self._bus is not None
        while not self._stop.is_set():
            with self.lock:
                sent = self.line.read(self.now_ms())
                rest = self.line.due_ms(self.now_ms()) / 1000
            for one in sent:
                try:
                    self._bus.send(message(one))
                except (can.CanError, OSError):
                    self.unsent += 1
            self._stop.wait(min(_REST_S, max(0.001, rest)))


def _is_simulated(interface: str, channel: str) -> bool:
    """Whether nothing real can be on this bus. Linux names the device behind a network interface; vcan has none."""
    if interface == "socketcan":
        return channel.startswith("vcan") and not (Path("/sys/class/net") / channel / "device").exists()
    return interface in _SIMULATED


def write_log(line: CanLine, path: str, seconds: float) -> int:
    """Play `seconds` of the line into a log file; returns the number of frames.

    The format follows from the end of its name: .log (candump), .asc, .blf, .trc, .csv, .db. Raises ValueError or
    OSError with a sentence when there is no such format or the file cannot be written.
    """
    can = python_can()
    try:
        log = can.Logger(path)
    except ValueError as error:
        raise ValueError(f"{path} cannot be written: {error}; end its name in .log, .asc, .blf, .trc or .csv") from None
    except OSError as error:
        raise OSError(f"{path} cannot be written: {error.strerror}") from None
    count = 0
    try:
        for sent in line.play(seconds):
            log.on_message_received(message(sent))
            count += 1
    finally:
        log.stop()
    return count


def message(sent: Sent) -> can.Message:
    """A frame that was sent as python-can has it, with seconds since the line's first use for a time."""
    can = python_can()
    frame = sent.frame
    return can.Message(
        timestamp=sent.at_us / 1_000_000,
        arbitration_id=frame.id,
        is_extended_id=frame.extended,
        is_remote_frame=frame.remote and not frame.error,
        is_error_frame=frame.error,
        dlc=0 if frame.error else len(frame.data),
        data=None if frame.remote or frame.error else frame.data,
        channel="can0",
    )


def python_can() -> Any:
    """The module `can`. Raises OSError with a sentence when it is not installed."""
    try:
        import can
    except ImportError:
        raise OSError('the package python-can is missing: pip install "jkbridge[can]"') from None
    logger = logging.getLogger("can")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())  # what it would say on stderr is said in our sentences
    return can
