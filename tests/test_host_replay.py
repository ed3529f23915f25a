"""A recording through the whole bridge: the same messages every time, right packs, nothing sent."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from host_fakes import Lines
from mosquitto import Broker, Subscriber

from jkbridge import cli, recording, replay, silences
from jkbridge.loop import Loop, ManualClock
from jkbridge.simulator import make_line

# Requests of a master to packs 1 and 3: live, settings twice, about twice, as protocol/rs485.md section 2.1 has them.
_KINDS = (0x20, 0x1E, 0x1E, 0x1C, 0x1C, 0x20)


def _crc(data: bytes) -> bytes:
    value = 0xFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0xA001 if value & 1 else 0)
    return bytes((value & 0xFF, value >> 8))


def record(path: Path, timed: bool) -> dict[int, dict]:
    """A recording of simulated packs 1 and 3; the values they really had in the last live frame."""
    line = make_line([1, 3], latency_ms=(10, 10))
    truth = {}
    text = ""
    now = 1000
    for kind in _KINDS:
        for address in (1, 3):
            bare = bytes((address, 0x10, 0x16, kind, 0, 1, 2, 0, 0))
            request = bare + _crc(bare)
            line.write(request, now)
            text += recording.line(now, recording.SENT, request)
            now += 200
            answer = line.read(now)
            assert len(answer) == 308
            text += recording.line(now, recording.RECEIVED, answer) if timed else answer.hex(" ") + "\n"
            if kind == 0x20:
                truth[address] = line.slaves[address].truth(now, "live")
            now += 300
    path.write_text("# two packs\n" + text if timed else "\n".join(t for t in text.splitlines() if ">" not in t))
    return truth


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[tuple[str, str]]:
    assert cli.main(["replay", *arguments]) == 0
    lines = capsys.readouterr().out.splitlines()
    return [(topic, payload) for topic, _, payload in (line.partition(" ") for line in lines)]


@pytest.mark.parametrize("timed", [True, False])
def test_printed_stream_has_the_packs_of_the_recording(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], timed: bool
) -> None:
    file = tmp_path / "bus.hex"
    truth = record(file, timed)
    messages = run(capsys, str(file), "--print", "--base", "house", "--log", "error")
    for address in (1, 3):
        live = [json.loads(p) for t, p in messages if t == f"house/{address}/live"]
        assert live[-1]["pack_voltage"] == pytest.approx(truth[address]["pack_voltage"] / 1000)
        assert live[-1]["soc"] == truth[address]["soc"]
        states = [p for t, p in messages if t == f"house/{address}/availability"]
        assert "online" in states
        assert states[-1] == "offline"
        assert [t for t, _ in messages].count(f"house/{address}/settings") >= 1
        assert any(t.startswith("homeassistant/") and f"house_{address}/" in t for t, _ in messages)
    assert not any(t.startswith("house/2/") for t, _ in messages)
    states = [p for t, p in messages if t == "house/bridge/state"]
    assert states[0] == "online"
    assert states[-1] == "offline"


def test_the_same_recording_gives_the_same_stream(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "bus.hex"
    record(file, True)
    first = run(capsys, str(file), "--print", "--log", "error")
    turn = Loop.turn

    def busy(self: Loop, now: int) -> int:
        self.gap_ms += 1  # a machine that has other things to do
        return turn(self, now)

    monkeypatch.setattr(Loop, "turn", busy)
    assert first == run(capsys, str(file), "--print", "--log", "error")
    assert len(first) > 100


def test_replay_to_a_broker(tmp_path: Path, broker: Broker, subscriber: Subscriber, capsys) -> None:
    file = tmp_path / "bus.hex"
    truth = record(file, True)
    assert run(capsys, str(file), "--broker", f"127.0.0.1:{broker.port}", "--log", "error") == []
    live = json.loads(subscriber.wait_for(lambda m: m.topic == "jkbms/3/live").payload)
    assert abs(live["pack_voltage"] - truth[3]["pack_voltage"] / 1000) < 1
    subscriber.wait_topic("jkbms/bridge/state", b"offline")


def test_recordings_of_real_packs_run_through(frames_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = frames_dir / "rs485" / "bus_2packs_0_1_v1420_cycle.hex"
    if not file.exists():
        pytest.skip(f"{file.name} is not among the recordings given")
    messages = run(capsys, str(file), "--print", "--log", "error")
    assert {t for t, _ in messages if t.endswith("/live")} == {"jkbms/0/live", "jkbms/1/live"}


def test_port_gives_the_bytes_at_their_time_and_none_that_were_sent() -> None:
    clock = ManualClock(0x3FFFFFF0)  # the clock wraps within the recording
    chunks = [recording.Chunk(0, "<", b"a"), recording.Chunk(10, ">", b"no"), recording.Chunk(30, "<", b"b")]
    port = replay.ReplayPort(chunks, clock)
    assert port.poll().kind == "opened"
    assert port.poll().data == b"a"
    assert port.poll() is None
    assert port.until_next() == 30
    clock.advance(29)
    assert port.poll() is None
    clock.advance(1)
    event = port.poll()
    assert (event.data, event.at) == (b"b", (0x3FFFFFF0 + 30) & 0x3FFFFFFF)
    assert port.until_next() is None


def test_a_recording_may_be_longer_than_the_clock_counts() -> None:
    clock = ManualClock()
    day = 24 * 3_600_000
    port = replay.ReplayPort([recording.Chunk(n * 6 * day, "<", bytes((n,))) for n in range(4)], clock)
    assert port.poll().kind == "opened"
    assert port.poll().data == b"\0"
    for n in (1, 2, 3):  # the clock wraps after 12.4 days
        assert port.until_next() == 6 * day
        clock.advance(6 * day - 1)
        assert port.poll() is None
        assert port.until_next() == 1
        clock.advance(1)
        assert port.poll().data == bytes((n,))


def test_a_clock_that_was_set_meanwhile_is_not_waited_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "bus.hex"
    record(file, True)
    later = "".join(
        line.replace(line.split(".")[0], str(1_764_212_345 + int(line.split(".")[0])), 1)
        for line in file.read_text().splitlines(keepends=True)[1:]
    )
    file.write_text(file.read_text() + later)
    assert cli.main(["replay", str(file), "--print"]) == 0
    out, err = capsys.readouterr()
    assert "hours of silence are left out" in err
    states = [line.split()[1] for line in out.splitlines() if line.startswith("jkbms/1/availability ")]
    first = states.index("online")
    between = states.index("offline", first)
    assert "online" in states[between:]
    assert out.count("jkbms/bridge/health ") < 500  # every 10 s of an hour and a bit


def test_silences_of_all_buses_together_are_cut() -> None:
    hour = silences.LONGEST_MS
    lines = {
        1: [recording.Chunk(at, "<", b"") for at in (0, hour, 5 * hour)],
        2: [recording.Chunk(at, "<", b"") for at in (3 * hour, 9 * hour)],
    }
    assert silences.shorten(lines) == (2 - 1 + 2 - 1 + 4 - 1) * hour
    assert [chunk.at for chunk in lines[1]] == [0, hour, 3 * hour]
    assert [chunk.at for chunk in lines[2]] == [2 * hour, 4 * hour]
    assert silences.shorten(lines) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are text elsewhere")
def test_the_name_of_the_file_may_hold_any_byte(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / os.fsdecode(b"b\xffs.hex")
    record(file, True)
    info = [json.loads(p) for t, p in run(capsys, str(file), "--print") if t == "jkbms/bridge/info"]
    assert info[0]["bus"][0]["port"] == "b?s.hex"


def test_a_recording_without_a_battery_is_a_failure_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "bus.hex"
    file.write_text("01 02 03\n")
    assert cli.main(["replay", str(file), "--print"]) == 1
    assert "Nothing of a JK battery was found" in capsys.readouterr().err


@pytest.mark.parametrize("speed", ["-1", "abc", "", "nan", "inf", "1e-300", "100001"])
def test_a_speed_that_cannot_be_kept_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], speed: str
) -> None:
    assert cli.main(["replay", str(tmp_path / "none.hex"), "--print", "--speed", speed]) == 2
    assert f"{speed!r} is not possible: 0.01 to 10000, or 0" in capsys.readouterr().err


def test_speed_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "bus.hex"
    record(file, True)
    slept: list[float] = []
    monkeypatch.setattr("jkbridge.replay.time.sleep", slept.append)
    run(capsys, str(file), "--print", "--log", "error", "--speed", "0")
    assert slept == []
    run(capsys, str(file), "--print", "--log", "error", "--speed", "2")
    length = max(chunk.at for chunk in recording.parse(file.read_bytes()) if chunk.direction == recording.RECEIVED)
    assert sum(slept) == pytest.approx(length / 1000 / 2, abs=0.05)


def test_no_broker_or_no_file_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "bus.hex"
    file.write_text("01 02\n")
    assert cli.main(["replay", str(file)]) == 2
    assert "--broker" in capsys.readouterr().err
    assert cli.main(["replay", str(tmp_path / "none.hex"), "--print"]) == 2
    assert "none.hex cannot be read" in capsys.readouterr().err
    file.write_text("# nothing yet\n")
    assert cli.main(["replay", str(file), "--print"]) == 2
    assert "bus.hex holds no bytes" in capsys.readouterr().err


def test_unreachable_broker_ends_with_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "_CONNECT_S", 0.3)
    file = tmp_path / "bus.hex"
    file.write_text("01 02\n")
    log = Lines()
    arguments = cli.parse(["replay", str(file), "--broker", "127.0.0.1:1"])
    config = cli.settings.load(None, {}, cli.flags(arguments), []).config
    assert replay.main(arguments, config, False, log) == 1
    assert "nothing was replayed" in log.text()
