"""A serial line or TCP gateway that is opened, read and reopened for ever in threads of its own.

Nothing here stalls the bridge's loop: opening, reading and writing block only in the port's threads. What
they have to say goes into a queue that the loop empties with `poll`, and `wake` is called so that the loop
comes at once.
"""

from __future__ import annotations

import contextlib
import random
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from urllib.parse import urlsplit

from jkbridge import port_errors
from jkbridge.clock import now_ms
from jkcore import log as levels
from jkcore.config import ConfigError

if TYPE_CHECKING:
    import serial

_BACKOFF_FIRST = 1.0
_BACKOFF_MAX = 30.0
# A port that held this long, or gave bytes, was a real one: the next failure starts with short waits again.
_HELD = 10.0
_CHUNK = 4096
_LATE_S = 0.1  # a request that waited for so long goes out at a moment that is not its own
_SELECT = 0.5
# The loop empties the queue within milliseconds; this many chunks mean that it stands still, and memory must
# not grow.
_QUEUE = 4096
# Idle: asked after 10 s, given up 20 s after the last sign of life. Bytes under way: given up after 20 s (ms).
_TCP_OPTIONS = (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 2), ("TCP_USER_TIMEOUT", 20_000))


class PortEvent(NamedTuple):
    """Something a port has to say, with its time in ms."""

    kind: Literal["opened", "closed", "data"]
    at: int
    data: bytes = b""
    reason: str = ""


def check_port(port: str) -> None:
    """ConfigError when `port` can be no serial device and no URL pyserial knows."""
    if "://" not in port:
        return
    parts = urlsplit(port)
    known = ("tcp", "socket", "rfc2217")
    if parts.scheme not in (*known, "loop", "spy", "alt", "hwgrep"):
        raise ConfigError(
            f'bus.port = "{port}" is not possible: allowed is a serial device, or one of '
            f'{", ".join(f"{name}://host:port" for name in known)}. Example: port = "tcp://192.168.1.20:8899"',
            "bus.port",
        )
    if parts.scheme in known:
        try:
            good = bool(parts.hostname) and parts.port is not None and not parts.username
            (parts.hostname or "").encode("idna")
        except ValueError:
            good = False
        if not good:
            raise ConfigError(
                f'bus.port = "{port}" is not possible: allowed is {parts.scheme}://host:port. '
                f'Example: port = "{parts.scheme}://192.168.1.20:8899"',
                "bus.port",
            )


def _notice_silence(line: Any) -> None:
    """Let a gateway that went without a word (power, network) be lost within about 20 s instead of 15 min.

    Where the platform has these options, and for ports that are a socket; ETIMEDOUT then ends the next read.
    """
    found = getattr(line, "_socket", None)  # pyserial has no public name for it
    if not isinstance(found, socket.socket):
        return
    options = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    for name, value in _TCP_OPTIONS:
        if hasattr(socket, name):
            options.append((socket.IPPROTO_TCP, getattr(socket, name), value))
    for option in options:
        with contextlib.suppress(OSError):
            found.setsockopt(*option)


class SerialPort:
    """One bus port. `poll` and `write` belong to the loop; everything else happens in the port's own threads.

    port: device path, tcp://host:port or any pyserial URL; baud: bit/s, 8N1. log: callable(level, text).
    wake: called from the port's threads whenever `poll` has something new.
    """

    def __init__(
        self,
        port: str,
        baud: int,
        log: Callable[[int, str], None],
        wake: Callable[[], None],
        clock: Callable[[], int] = now_ms,
    ) -> None:
        check_port(port)
        self.name = port
        self.baud = baud
        self.reopened = 0
        """How often an open port was lost."""
        self.dropped = 0
        """Chunks thrown away because the loop did not take them, and requests the line would not take."""
        self._url = "socket://" + port[len("tcp://") :] if port.startswith("tcp://") else port
        self._log = log
        self._wake = wake
        self._clock = clock
        self._events: deque[PortEvent] = deque()
        self._stop = threading.Event()
        self._reopen = ""
        self._silent = False  # the bus asked for it, and has said why
        self._said = ""
        self._serial: serial.SerialBase | None = None
        self._out: deque[tuple[float, bytes]] = deque()
        self._out_ready = threading.Semaphore(0)
        self._writer_busy = False
        self._reader: threading.Thread | None = None

    # --- the loop's side

    def start(self) -> None:
        """Begin to open the port; returns at once."""
        self._reader = threading.Thread(target=self._run, name=f"port {self.name}", daemon=True)
        self._reader.start()
        threading.Thread(target=self._write_loop, name=f"port {self.name} out", daemon=True).start()

    def poll(self) -> PortEvent | None:
        """The next thing that happened, or None."""
        try:
            return self._events.popleft()
        except IndexError:
            return None

    def write(self, buf: bytes | bytearray | memoryview, n: int) -> None:
        """Send the first n bytes of buf; never blocks. What a stuck or closed port will not take is dropped."""
        if self._serial is None or self._writer_busy or self._out:
            # An old request that goes out late would collide with the answer to a newer one.
            self.dropped += 1
            return
        self._out.append((time.monotonic(), bytes(buf[:n])))
        self._out_ready.release()

    def reopen(self, reason: str) -> None:
        """Close and open again because the bus finds the line dead; reason: the sentence it has logged."""
        self._silent = True
        self._reopen = reason

    def stop(self) -> None:
        """Stop for good, without waiting for it; then close()."""
        self._stop.set()
        self._out_ready.release()

    def close(self) -> None:
        """Stop for good; returns within about a second."""
        self.stop()
        if self._reader is not None:
            self._reader.join(1.5)

    # --- the reading thread

    def _run(self) -> None:
        delay = _BACKOFF_FIRST
        while not self._stop.is_set():
            try:
                line = self._open()
            except Exception as e:  # pyserial lets termios.error, ValueError and OSError through beside its own
                self._silent = False  # this is something else
                self._closed(port_errors.sentence(self.name, e))
            else:
                began = time.monotonic()
                heard, reason = self._read(line)
                self._serial = None
                self._out.clear()
                if not self._stop.is_set():
                    self.reopened += 1
                    self._closed(reason)
                with contextlib.suppress(Exception):
                    line.close()  # takes 0.3 s with a socket
                if self._stop.is_set():
                    return
                if heard or time.monotonic() - began > _HELD:
                    delay = _BACKOFF_FIRST
            # The jitter keeps several bridges from knocking at one gateway in step.
            self._stop.wait(delay * random.uniform(1.0, 1.25))
            delay = min(delay * 2, _BACKOFF_MAX)

    def _open(self) -> serial.SerialBase:
        import serial

        line = serial.serial_for_url(
            self._url,
            do_not_open=True,
            baudrate=self.baud,
            bytesize=serial.EIGHTBITS,
            parity=serial.PARITY_NONE,
            stopbits=serial.STOPBITS_ONE,
            timeout=0,
            write_timeout=1.0,
        )
        if "://" not in self._url:
            # Two readers of one line steal each other's bytes: take the lock before anything is configured.
            line.exclusive = True
        line.open()
        if "://" not in self._url:
            with contextlib.suppress(Exception):
                line.set_low_latency_mode(True)  # FTDI adapters otherwise hold bytes back for 16 ms
            with contextlib.suppress(Exception):
                line.reset_input_buffer()
        _notice_silence(line)
        self._serial = line
        self._reopen = ""
        silent, self._silent = self._silent, False
        speed = "" if "://" in self._url else f" at {self.baud} baud"
        self._say(levels.DEBUG if silent else levels.INFO, f"{self.name} is open{speed}.")
        self._put(PortEvent("opened", self._clock()))
        return line

    def _read(self, line: serial.SerialBase) -> tuple[bool, str]:
        """Hand on bytes until the port fails; (whether any byte came, why it ended)."""
        heard = False
        wait = self._waiter(line)
        try:
            while not self._stop.is_set():
                if self._reopen:
                    return heard, self._reopen
                data = wait()
                if data:
                    heard = True
                    self._put(PortEvent("data", self._clock(), data))
        except Exception as e:  # see _run
            return heard, self._reopen or port_errors.vanished(self.name, e)
        return heard, ""

    def _waiter(self, line: Any) -> Callable[[], bytes]:
        """A function that waits a moment for bytes and returns all there are; b"" when none came."""
        try:
            number = line.fileno()
        except Exception:  # rfc2217 and Windows have none: let pyserial wait for the first byte

            def wait_first() -> bytes:
                first = bytes(line.read(1))
                return first + bytes(line.read(min(line.in_waiting, _CHUNK))) if first else b""

            line.timeout = _SELECT
            return wait_first

        def wait_select() -> bytes:
            # A socket:// port tells only whether bytes wait, not how many; with timeout 0 one read takes what
            # is there.
            ready, _, _ = select.select([number], [], [], _SELECT)
            return bytes(line.read(_CHUNK)) if ready else b""

        return wait_select

    def _put(self, event: PortEvent) -> None:
        if len(self._events) >= _QUEUE and event.kind == "data":
            self.dropped += 1
        else:
            self._events.append(event)
        self._wake()

    def _closed(self, reason: str) -> None:
        if reason == self._said:
            self._log(levels.DEBUG, reason)
            return
        self._say(levels.DEBUG if self._silent else levels.WARNING, reason)
        self._put(PortEvent("closed", self._clock(), reason=reason))

    def _say(self, level: int, text: str) -> None:
        self._said = text
        self._log(level, text)

    # --- the writing thread

    def _write_loop(self) -> None:
        while True:
            self._out_ready.acquire()
            if self._stop.is_set():
                return
            try:
                at, data = self._out.popleft()
            except IndexError:  # dropped meanwhile, with the port
                continue
            line = self._serial
            if line is None or time.monotonic() - at > _LATE_S:
                self.dropped += 1
                continue
            self._writer_busy = True
            try:
                line.write(data)
            except Exception as e:  # see _run
                # A time-out alone proves nothing (a modem line may hold us); a dead port shows itself to the
                # reader too.
                self.dropped += 1
                if "timeout" not in str(e).lower():
                    self._reopen = port_errors.vanished(self.name, e)
            finally:
                self._writer_busy = False
