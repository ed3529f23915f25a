"""MicroPython on a serial port: its raw REPL (mpremote does that), files on it, and errors for people.

The program on the device is interrupted for it; restart() starts it again.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import serial
from mpremote.transport import TransportError, TransportExecError
from mpremote.transport_serial import SerialTransport

from device import OLDEST, DeviceError, ports

AGENT = Path(__file__).with_name("agent.py")
MPY = 6
STILL_RUNS = "What was installed before still runs."
PATIENCE = 3  # seconds for a prompt
_ATTEMPTS = 4
_OPENINGS = 4  # half a second apart
_PART = 1536  # bytes of a file in one command; a device needs three times as much heap for it


@dataclass(frozen=True)
class About:
    """What the device says of itself; sizes in bytes."""

    platform: str
    version: str
    mpy: int
    machine: str
    free: int
    block: int
    has_umqtt: bool
    has_network: bool = True


class Entry(NamedTuple):
    """A file in flash: hash and size in bytes. A folder has neither, and its path ends with /."""

    sha: str
    size: int


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class _Transport(SerialTransport):
    """mpremote looks at the time only while nothing comes: it would listen for ever to a board that never stops."""

    def read_until(
        self,
        min_num_bytes: int,
        ending: bytes,
        timeout: float | None = 10,
        data_consumer: Callable[[bytes], None] | None = None,
        timeout_overall: float | None = None,
    ) -> bytes:
        if timeout_overall is None or data_consumer is not None:
            return super().read_until(min_num_bytes, ending, timeout, data_consumer, timeout_overall)
        deadline = time.monotonic() + timeout_overall
        data = b""
        while not data.endswith(ending) and time.monotonic() < deadline:
            if getattr(self, "is_pty", False) or self.serial.in_waiting:  # of a pty it cannot be asked everywhere
                data += self.serial.read(1)
            else:
                time.sleep(0.01)
        return data


class Board:
    """A board whose program has been stopped, for a `with` that starts it again, whatever happens. Make it with
    open_board().
    """

    def __init__(self, port: str, transport: SerialTransport) -> None:
        self.port = port
        self._transport = transport

    def __enter__(self) -> Board:
        return self

    def __exit__(self, *_: object) -> None:
        self.restart()

    def run(self, code: str) -> list[str]:
        """What the device prints for some code, line by line. Raises DeviceError."""
        with _explained(self.port, answered=True):
            return self._transport.exec(code).decode(errors="replace").splitlines()

    def about(self) -> About:
        platform, version, mpy, machine, space, network, umqtt = self.run("about()")
        free, block = space.split()
        has_umqtt, has_network = umqtt == "frozen", network == "network"
        return About(platform, version, int(mpy), machine, int(free), int(block), has_umqtt, has_network)

    def scan(self, folder: str) -> dict[str, Entry]:
        """All files and folders below a folder, by their paths from there; what is in a folder comes before it."""
        rows = [line.split(" ", 2) for line in self.run(f"scan({folder!r})")]
        return {row[2]: Entry(row[1], int(row[0])) for row in rows}

    def sha(self, path: str) -> str:
        """Hash of a file, "" for none."""
        return self.run(f"print(sha({path!r}))")[-1]

    def read(self, path: str) -> bytes | None:
        lines = self.run(f"show({path!r})")
        return None if lines == ["none"] else b"".join(base64.b64decode(line) for line in lines)

    def write(self, path: str, data: bytes) -> None:
        """Write a file over the wire and compare what is in flash then. Not safe against interruption: see replace."""
        self.run(f"create({path!r})")
        for start in range(0, len(data), _PART):
            self.run(f"put('{base64.b64encode(data[start : start + _PART]).decode()}')")
        self._same(path, self.run(f"finish({path!r})")[-1], data)

    def copy(self, source: str, target: str, wanted: str) -> bool:
        """Copy a file inside the device; False when the copy is not the wanted one."""
        return self.run(f"copy({source!r}, {target!r})")[-1] == wanted

    def replace(self, path: str, data: bytes) -> None:
        """Write a file so that there is the old one or the new one at any moment."""
        self.write(path + ".new", data)
        self._same(path, self.run(f"replace({path!r}, {digest(data)!r})")[-1], data)

    def rename(self, old: str, new: str) -> None:
        """Rename a file if it is there."""
        self.run(f"if sha({old!r}): os.rename({old!r}, {new!r})")

    def remove(self, path: str) -> None:
        self.run(f"remove({path!r})")

    def _same(self, path: str, found: str, data: bytes) -> None:
        if found != digest(data):
            raise DeviceError(
                f"{path} on the device is not what was sent. Run the command again; if it happens again, use another "
                f"cable, or the flash is worn. {STILL_RUNS}"
            )

    def restart(self) -> None:
        """Reset the device: it starts as after power-up. The port is closed."""
        code = "import sys\nif sys.platform == 'linux':\n sys.exit()\nimport machine\nmachine.reset()"
        with contextlib.suppress(TransportError, OSError, struct.error), contextlib.redirect_stdout(io.StringIO()):
            try:
                self._transport.exec_raw_no_follow(code)
            except TransportError:  # it was interrupted in the middle of something
                self._transport.enter_raw_repl(soft_reset=False, timeout_overall=PATIENCE)
                self._transport.exec_raw_no_follow(code)
            self._transport.serial.flush()
        self.close()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._transport.close()


def open_board(port: str) -> Board:
    """Stop what runs on the device and get its raw REPL. Raises DeviceError."""
    transport = _open(port)
    with _explained(port):
        try:
            _enter(transport)
            board = Board(port, transport)
            board.run(AGENT.read_text())
        except BaseException:
            with contextlib.suppress(OSError):
                transport.close()
            raise
    return board


def _open(port: str) -> SerialTransport:
    """The port for us alone. Something may hold it for a moment: ModemManager looks at a board just plugged in."""
    for left in reversed(range(_OPENINGS)):
        try:
            return _Transport(port, timeout=PATIENCE)
        except TransportError:  # it does not say why. (Every opening may reset a board, so this is not done before.)
            if left:
                time.sleep(0.5)
    ports.check(port)
    raise DeviceError(f"{port} could not be opened: try again.")


def _enter(transport: SerialTransport) -> None:
    """Raw REPL. The program says goodbye to its broker first, which may take a moment; a board that was reset by the
    opening of its port hears nothing for a moment.
    """
    for attempt in range(_ATTEMPTS):
        try:
            with contextlib.redirect_stdout(io.StringIO()):  # mpremote prints what it did not understand
                transport.enter_raw_repl(soft_reset=False, timeout_overall=PATIENCE)
                if b"linux" not in transport.exec("import sys\nprint(sys.platform)"):
                    # What the program had in memory must go. The unix port would end.
                    transport.enter_raw_repl(soft_reset=True)
            return
        except TransportError:
            if attempt == _ATTEMPTS - 1:
                raise


@contextlib.contextmanager
def _explained(port: str, answered: bool = False) -> Iterator[None]:
    """Turns what mpremote and pyserial raise into DeviceError. answered: MicroPython did so before."""
    try:
        yield
    except TransportExecError as error:
        last = (error.error_output.strip().splitlines() or ["an unknown error"])[-1]
        if "ENOSPC" in last or "28" in last.split():
            last = "its flash is full"
        if "MemoryError" in last:
            last = "its memory is full (MemoryError)"
        raise DeviceError(f"The device on {port} could not do its part: {last}. {STILL_RUNS}") from None
    except TransportError as error:
        if answered:
            raise DeviceError(
                f"The device on {port} stopped answering in the middle ({error}). Press its reset button, check cable "
                "and power, then run the same command again: it goes on where it stopped."
            ) from None
        raise DeviceError(
            f"No MicroPython answers on {port} ({error}). Is it on the board? If not: make flash BOARD=... PORT={port} "
            "FIRMWARE=file.bin. If it is: press the board's reset button and try again at once. `make device-log "
            f"PORT={port}` shows what the board says instead, such as one that restarts again and again."
        ) from None
    except (serial.SerialException, OSError, struct.error) as error:
        raise DeviceError(
            f"The device on {port} went away in the middle ({error}). Check cable and power, then run the same command "
            f"again: it goes on where it stopped. {STILL_RUNS}"
        ) from None


def check_runs(about: About, chip: str, platform: str) -> None:
    """The device is of the board's kind, and its MicroPython loads what is installed. Raises DeviceError."""
    if platform and about.platform != platform:
        raise DeviceError(f"The device is no {chip}: it says {about.platform} ({about.machine}). Is BOARD= right?")
    said = about.machine.rpartition(" with ")[2].lower().replace("-", "")
    if platform == "esp32" and said.startswith("esp32") and _family(said) != chip:
        raise DeviceError(f"The device is no {chip}: it says {about.machine}. Is BOARD= right?")
    version = tuple(int(n) for n in about.version.split(".")[:2])
    if version < OLDEST or about.mpy != MPY:
        raise DeviceError(
            f"MicroPython {about.version} on the device (.mpy version {about.mpy}) is not one that jkbridge runs on: "
            f"it needs 1.24 or newer with .mpy version {MPY}. Put a newer one on it: make flash ..."
        )


def check_network(about: About, download: str) -> None:
    """The MicroPython of a board with WiFi or Ethernet has a network. Raises DeviceError."""
    if not about.has_network:
        raise DeviceError(
            f"The MicroPython on the device ({about.machine}) has no network: it is one for another board. Put this "
            f"one on it: https://micropython.org/download/{download}"
        )


def _family(text: str) -> str:
    for name in ("esp32s3", "esp32c3", "esp32s2", "esp32c6", "esp32c2", "esp32c5", "esp32h2", "esp32p4"):
        if text.startswith(name):
            return name
    return "esp32"
