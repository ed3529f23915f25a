"""`run --capture`: what is written, where, how it rotates, what a bad disk does; and the way back through `replay`."""

from __future__ import annotations

import errno
import io
import json
import re
import threading
import time
from pathlib import Path
from typing import Any

import core_bytes as cb
import planted
import pytest
from host_fakes import FakePort, Lines, until

from jkbridge import capture, cli, recording, replay
from jkbridge.loop import Loop, ManualClock
from jkbridge.ports import PortEvent
from jkbridge.simulator import make_line
from jkcore import config as core_config
from jkcore import log as levels
from jkcore.bridge import Bridge
from jkcore.config import ConfigError

HEAD = "# jkbridge head\n"


def recorded(path: Path) -> list[recording.Chunk]:
    return recording.parse(path.read_bytes())


def file(path: Path, size: int = 1000, files: int = 3, log: Any = None) -> capture.File:
    return capture.File(path, HEAD, size, files, log or Lines())


def test_bytes_of_both_ways_with_their_times_and_without_secrets(tmp_path: Path) -> None:
    clock = ManualClock(0x3FFFFF00)  # wraps meanwhile
    inner = FakePort(PortEvent("opened", clock()))
    out = file(tmp_path / "line.txt", 100_000)
    port = capture.CapturingPort(inner, capture.Recorder(out.write, clock()), clock)
    assert port.poll().kind == "opened"
    answer = cb.unit(planted.about(), 1)
    for at, data in ((340, answer[:100]), (357, answer[100:])):
        inner.events.append(PortEvent("data", clock() + at & 0x3FFFFFFF, data))
    clock.advance(310)
    port.write(bytearray(cb.request(1, cb.ABOUT) + b"more"), 11)
    assert inner.written == [cb.request(1, cb.ABOUT)]
    assert port.poll().data == answer[:100]
    assert port.poll().data == answer[100:]
    assert port.poll() is None
    clock.advance(6000)
    inner.events.append(PortEvent("data", clock(), b"\x99"))
    inner.events.append(PortEvent("closed", clock(), reason="pulled\nout"))
    while port.poll():
        pass
    out.close()
    text = (tmp_path / "line.txt").read_text()
    assert text.startswith(HEAD + "# port opened\n0.310 > 01 10 16 1C")
    assert re.findall(r"^\S+ [<>]", text, re.M) == ["0.310 >", "0.340 <", "0.357 <", "6.310 <"]
    assert text.endswith("6.310 < 99\n# port closed: pulled out\n")
    got = b"".join(c.data for c in recorded(tmp_path / "line.txt") if c.direction == "<")
    assert got == planted.masked(answer) + b"\x99"
    assert not planted.leaks(bytes.fromhex("".join(re.findall(r"[<>] (.*)", text))))


def test_a_full_file_makes_room_and_the_oldest_goes(tmp_path: Path) -> None:
    path = tmp_path / "line.txt"
    out = file(path, 300, 3)
    lines = [recording.line(1000 * n, "<", bytes((n,)) * 20) for n in range(20)]
    for line in lines:
        out.write(line)
    out.close()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["line.txt", "line.txt.1", "line.txt.2"]
    texts = [capture.rotated(path, n).read_text() for n in (2, 1, 0)]
    assert all(text.startswith(HEAD) and len(text) <= 300 for text in texts)
    kept = "".join(text.removeprefix(HEAD) for text in texts)
    assert kept == "".join(lines[-len(kept.splitlines()) :])


def test_a_new_run_keeps_what_the_last_one_left(tmp_path: Path) -> None:
    path = tmp_path / "line.txt"
    for n in range(4):
        out = file(path)
        out.write(f"{n}.000 < 01\n")
        out.close()
    assert [capture.rotated(path, n).read_text()[-11] for n in range(3)] == ["3", "2", "1"]
    single = file(path, files=1)
    single.close()
    assert path.read_text() == HEAD
    assert not (tmp_path / "line.txt.3").exists()


def test_each_line_is_on_the_disk_at_once(tmp_path: Path) -> None:
    out = file(tmp_path / "line.txt")
    out.write("0.001 < 01\n")
    until(lambda: (tmp_path / "line.txt").read_text().endswith("0.001 < 01\n"), 5)  # without close()
    out.close()


class FullDisk(io.StringIO):
    def flush(self) -> None:
        if self.tell() > 60:
            raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_ends_the_recording_in_words_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capture, "open", lambda *_, **__: FullDisk(), raising=False)
    log = Lines()
    out = file(tmp_path / "line.txt", log=log)
    for _ in range(20):
        out.write("0.001 < 01 02 03\n")
        time.sleep(0.002)
    until(lambda: log.all, 5)
    out.write("0.002 < 01\n")
    out.close()
    assert len(log.all) == 1
    assert log.all[0][0] == levels.ERROR
    for word in ("line.txt ends: No space left on device", "The bridge itself goes on", "--capture"):
        assert word in log.text()


def test_a_slow_disk_costs_lines_that_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()
    stuck = threading.Event()

    class Slow(io.StringIO):
        def write(self, text: str) -> int:
            if text != HEAD:
                stuck.set()
                gate.wait(10)
            return super().write(text)

        def close(self) -> None:
            (tmp_path / "out").write_text(self.getvalue())

    monkeypatch.setattr(capture, "_WAITING", 100)
    monkeypatch.setattr(capture, "open", lambda *_, **__: Slow(), raising=False)
    out = file(tmp_path / "line.txt", 100_000)
    out.write("0.000 < 00\n")
    stuck.wait(5)
    began = time.monotonic()
    for n in range(50):
        out.write(f"0.0{n:02} < 01\n")
    assert time.monotonic() - began < 2
    gate.set()
    out.close()
    text = (tmp_path / "out").read_text()
    assert f"# {out.lost} lines lost here: the disk is too slow" in text
    assert text.count(" < ") + out.lost == 51
    assert out.lost > 30


@pytest.mark.parametrize("path", ["none/line.txt", "."])
def test_a_path_that_cannot_be_written_is_a_usage_error(
    tmp_path: Path, path: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match="cannot be written"):
        file(tmp_path / path)
    monkeypatch.chdir(tmp_path)
    arguments = ["run", "--no-table", "--port", "tcp://127.0.0.1:9", "--broker", "127.0.0.1:9", "--capture", path]
    assert cli.main(arguments) == 2
    err = capsys.readouterr().err
    assert f'capture = "{path}" cannot be written' in err
    assert "--capture bus.txt" in err


def test_a_file_of_somebody_else_is_left_as_it_is(tmp_path: Path) -> None:
    mine = tmp_path / "jkbridge.toml"
    mine.write_text("interval = 3\n")
    with pytest.raises(ConfigError, match=r'jkbridge\.toml" exists already and is no recording'):
        file(mine)
    assert mine.read_text() == "interval = 3\n"
    assert list(tmp_path.iterdir()) == [mine]


def test_each_bus_has_a_file_of_its_own(tmp_path: Path) -> None:
    bus = {"port": "/dev/ttyUSB0", "baud": 115200, "role": "auto"}
    config = {
        "capture": str(tmp_path / "line.txt"), "capture_size": 1, "capture_files": 2,
        "bus": [bus, {**bus, "port": "tcp://192.168.1.20:8899"}],
    }  # fmt: skip
    log = Lines()
    recording_ = capture.Capture(config, "1a2b3c4d", log)
    clock = ManualClock()
    ports = recording_.ports([FakePort(PortEvent("data", 5, b"\x99")), FakePort(PortEvent("data", 9, b"\x98"))], clock)
    for port in ports:
        while port.poll():
            pass
    recording_.close()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["line-bus2.txt", "line.txt"]
    contents = [(tmp_path / name).read_bytes() for name in ("line.txt", "line-bus2.txt")]
    files = [replay.read(str(tmp_path / name)) for name in ("line.txt", "line-bus2.txt")]
    assert recording.origin(contents[0]) == ("1a2b3c4d", 1, 5)
    assert recording.origin(contents[1]) == ("1a2b3c4d", 2, 9)
    assert b"tcp://192.168.1.20:8899, 115200 baud, role auto" in contents[1]
    assert "line-bus2.txt" in log.text()
    # And back: both on one clock, whatever the order of the files.
    lines = replay.timeline(files[::-1])
    assert lines == {1: [(0, "<", b"\x99")], 2: [(4, "<", b"\x98")]}


def test_files_of_one_run_are_put_together_by_their_times() -> None:
    def part(session: str, at: int, byte: int) -> replay.Recorded:
        chunk = recording.Chunk(0, recording.RECEIVED, bytes((byte,)))
        return replay.Recorded(recording.Origin(session, 1, at), [chunk], False)

    last = part("", 0, 4)._replace(origin=None)
    lines = replay.timeline([part("bb", 70_000, 3), part("aa", 5000, 2), part("aa", 2000, 1), last])
    assert [(c.at, c.data[0]) for c in lines[1]] == [(0, 3), (1000, 1), (4000, 2), (5000, 4)]


def test_files_of_a_bus_nobody_configured_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "line-bus2.txt"
    path.write_text("# session aa, bus 2 of 2, port x\n1.000 < 01\n")
    assert cli.main(["replay", str(path), "--print"]) == 2
    assert "recorded on bus 2" in capsys.readouterr().err


class LivePort:
    """A simulated line as a port of the loop, on the loop's clock."""

    def __init__(self, line: Any, clock: ManualClock) -> None:
        self.line = line
        self.clock = clock
        self.opened = False

    def poll(self) -> PortEvent | None:
        if not self.opened:
            self.opened = True
            return PortEvent("opened", self.clock())
        data = self.line.read(self.clock())
        return PortEvent("data", self.clock(), data) if data else None

    def write(self, buf: bytearray, n: int) -> None:
        self.line.write(bytes(buf[:n]), self.clock())


BAD_LINE = (("corrupt", 2, 0.2), ("drop", 3, 0.1), ("delay", 700, 0.1), ("noise", 9, 0.2))


@pytest.mark.parametrize("faults", [(), BAD_LINE], ids=["healthy", "bad line"])
def test_a_recorded_session_gives_the_same_values_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], faults: tuple[tuple[str, int, float], ...]
) -> None:
    line = make_line([1, 3], firmware="mixed", paced=True, latency_ms=(5, 25))
    for kind, amount, rate in faults:
        line.fault(kind, None, amount=amount, rate=rate)
    config = core_config.load({"interval": 1, "bus": {"port": "x", "packs": [1, 3]}}, "host")
    clock = ManualClock(1000)
    bridge = Bridge(config, Lines(), b"00000000", "CPython", "linux", 500)
    out = file(tmp_path / "line.txt", 10_000_000)
    port = capture.CapturingPort(LivePort(line, clock), capture.Recorder(out.write, clock()), clock)
    stream = io.StringIO()
    loop = Loop(bridge, [port], replay.PrintSession(bridge, stream))
    while clock() < 95_000:
        loop.turn(clock())
        clock.advance(5)
    port._recorder.end()
    out.close()

    published = values(stream.getvalue())
    assert cli.main(["replay", str(tmp_path / "line.txt"), "--print", "--log", "error", "--set", "interval=1"]) == 0
    first = capsys.readouterr().out
    replayed = values(first)
    assert published.keys() == replayed.keys()
    assert len(published) == 6
    for topic, payloads in published.items():
        assert replayed[topic] == payloads, topic
    assert len(published["jkbms/3/live"]) > 40
    assert cli.main(["replay", str(tmp_path / "line.txt"), "--print", "--log", "error", "--set", "interval=1"]) == 0
    assert capsys.readouterr().out == first


def values(stream: str) -> dict[str, list[str]]:
    """Payloads of live, settings and about of each pack, in order; what is published again unchanged counts once."""
    out: dict[str, list[str]] = {}
    for line in stream.splitlines():
        topic, _, payload = line.partition(" ")
        if re.fullmatch(r"jkbms/\d+/(live|settings|about)", topic):
            assert json.loads(payload)
            known = out.setdefault(topic, [])
            if not known or known[-1] != payload:
                known.append(payload)
    return out
