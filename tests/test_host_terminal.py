"""`jkbridge run` on a terminal: the live table, and the terminal it leaves behind, however it ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import signal
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from host_fakes import until
from mosquitto import Broker, Subscriber

from jkbridge.simulator import Server, make_line

Start = Callable[..., "Terminal"]


class Terminal:
    """A `jkbridge run` process with a pseudo-terminal of its own; `patch` is Python run in it first."""

    def __init__(self, folder: Path, arguments: list[str], patch: str) -> None:
        self.master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 140, 0, 0))
        self.shown = b""
        others = ("JKBRIDGE_", "COLUMNS", "LINES")  # the last two are those of whoever runs the tests
        env = {name: value for name, value in os.environ.items() if not name.startswith(others)}
        env |= {"PYTHONPATH": os.pathsep.join(sys.path), "HOME": str(folder), "TERM": "xterm", "LC_ALL": "C.UTF-8"}
        # Its controlling terminal, so that Ctrl-C reaches it.
        own = "import fcntl, sys, termios\nfcntl.ioctl(0, termios.TIOCSCTTY, 0)\nfrom jkbridge import cli\n"
        program = f"{own}{patch}\nsys.exit(cli.main(['run'] + sys.argv[1:]))"
        self.process = subprocess.Popen(
            [sys.executable, "-c", program, *arguments], stdin=slave, stdout=slave, stderr=slave, cwd=folder, env=env,
            start_new_session=True,
        )  # fmt: skip
        os.close(slave)
        self._open = True
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        try:
            while data := os.read(self.master, 65536):
                self.shown += data
        except OSError:  # all who had it open have ended
            return

    def text(self) -> str:
        """All that was ever shown, without colours and cursor movements."""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.shown.decode(errors="replace"))

    def shows(self, *patterns: str) -> None:
        with contextlib.suppress(AssertionError):  # the next line says more
            until(lambda: all(re.search(p, self.text()) for p in patterns) or self.process.poll() is not None, 20)
        assert all(re.search(p, self.text()) for p in patterns), self.text()[-5000:]

    def type(self, keys: bytes) -> None:
        os.write(self.master, keys)

    def ends(self) -> int:
        code = self.process.wait(20)
        self._reader.join(5)
        return code

    def cursor(self) -> bool:
        """True when the cursor was hidden and can be seen again."""
        assert b"\x1b[?25l" in self.shown
        return self.shown.rfind(b"\x1b[?25h") > self.shown.rfind(b"\x1b[?25l")


@pytest.fixture
def line() -> Iterator[Server]:
    with Server(make_line([1, 2]), tcp="127.0.0.1:0") as server:
        yield server


@pytest.fixture
def start(tmp_path: Path, line: Server, broker: Broker) -> Iterator[Start]:
    """Starts a bridge with two packs and a broker on a terminal."""
    started: list[Terminal] = []

    def begin(*more: str, patch: str = "") -> Terminal:
        arguments = ["--port", f"tcp://127.0.0.1:{line.tcp_port}", "--broker", f"127.0.0.1:{broker.port}"]
        started.append(Terminal(tmp_path, [*arguments, "--packs", "1,2", "--interval", "1", *more], patch))
        return started[-1]

    yield begin
    for terminal in started:
        if terminal.process.poll() is None:
            terminal.process.kill()
            terminal.process.wait()
        terminal._reader.join(5)
        os.close(terminal.master)


def test_table_is_shown_and_ctrl_c_ends_it_politely(start: Start, tmp_path: Path, subscriber: Subscriber) -> None:
    (tmp_path / "jkbridge.toml").write_text('[[pack]]\naddress = 1\nname = "Left [/A]"\n')
    terminal = start("--log", "trace")  # as many lines as there can be, while the table is drawn
    terminal.shows(r"Left \[/A\] +│ online +│ +\d\d\.\d\d", r"│ 2 +│ [^│]+ │ online +│ +\d\d\.\d\d", "mosquitto_sub")
    subscriber.wait_topic("jkbms/bridge/state", b"online", 20)
    assert not terminal.cursor()
    terminal.type(b"\x03")
    assert terminal.ends() == 0
    assert terminal.cursor()
    assert "Traceback" not in terminal.text()
    for topic in ("jkbms/1/availability", "jkbms/2/availability", "jkbms/bridge/state"):
        subscriber.wait_topic(topic, b"offline")


def test_a_table_that_cannot_be_drawn_does_not_end_the_bridge(start: Start, subscriber: Subscriber) -> None:
    patch = """
from jkbridge import table
render = table.LiveTable.render
def fail(self):
    if any(pack.online for pack in self._watch.packs()):
        raise KeyError("bug")
    return render(self)
table.LiveTable.render = fail
"""
    terminal = start(patch=patch)
    terminal.shows(r"table cannot be drawn \(KeyError\('bug'\)\)")
    assert terminal.cursor()
    subscriber.clear()
    subscriber.wait_topic("jkbms/1/live", timeout=20)
    terminal.type(b"\x03")
    assert terminal.ends() == 0
    subscriber.wait_topic("jkbms/bridge/state", b"offline")
    assert "Ended." in terminal.text()


def test_a_terminal_that_is_closed_does_not_end_a_bridge_that_ignores_it(
    start: Start, broker: Broker, subscriber: Subscriber
) -> None:
    """nohup, disown: what is drawn then fails with an OSError."""
    terminal = start(patch="import signal\nsignal.signal(signal.SIGHUP, signal.SIG_IGN)")
    terminal.shows("online +│ +\\d")
    null = os.open(os.devnull, os.O_RDWR)
    # Another end in its place: the reader has no descriptor of the terminal any more, so the terminal is gone.
    os.dup2(null, terminal.master)
    os.close(null)
    with Subscriber(broker, "jkbms/1/live") as late:
        until(lambda: len(late.messages) >= 4, 20)  # several drawings later
    assert terminal.process.poll() is None
    terminal.process.send_signal(signal.SIGTERM)
    assert terminal.process.wait(20) == 0
    subscriber.wait_topic("jkbms/bridge/state", b"offline")


def test_last_words_of_the_watchdog_are_seen_and_the_cursor_too(start: Start, tmp_path: Path) -> None:
    patch = """
import functools, os, time
from jkbridge import run
run.Watchdog = functools.partial(run.Watchdog, limit=1.5)
turn = run.Loop.turn
def hang(self, now):
    while os.path.exists("hang"):
        time.sleep(0.05)
    return turn(self, now)
run.Loop.turn = hang
"""
    terminal = start(patch=patch)
    terminal.shows("online +│ +\\d")
    (tmp_path / "hang").touch()
    assert terminal.ends() == 70
    assert "has not turned" in terminal.text()
    assert terminal.cursor()


def test_a_thread_that_fails_is_seen_and_the_cursor_too(start: Start, subscriber: Subscriber) -> None:
    patch = """
import time
from jkbridge.ports import SerialPort
SerialPort._read = lambda self, line: time.sleep(1) or 1 / 0
"""
    terminal = start(patch=patch)
    assert terminal.ends() == 70
    assert "failed: ZeroDivisionError" in terminal.text()
    assert "Traceback" in terminal.text()
    assert terminal.cursor()
    subscriber.wait_topic("jkbms/bridge/state", b"offline")
