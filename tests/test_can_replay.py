"""CAN logs through the whole bridge, recordings of CAN buses, and both in a bundle."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from host_fakes import Lines
from host_rig import Rig

from jkbridge import can_log, cli, replay, settings
from jkbridge.can_capture import CanRecorder, masked
from jkbridge.can_frame import CanFrame
from jkbridge.can_replay import CanReplayPort
from jkbridge.capture import Capture
from jkbridge.loop import ManualClock
from jkbridge.simulator import CanServer, make_can
from jkbridge.simulator.can_server import write_log
from jkcore import config as core_config


@pytest.fixture(autouse=True)
def _nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(settings, "search_path", lambda: [tmp_path / "jkbridge.toml"])


def run(capsys: pytest.CaptureFixture[str], *words: str) -> list[tuple[str, str]]:
    assert cli.main(["replay", "--print", *words]) == 0
    lines = capsys.readouterr().out.splitlines()
    return [(topic, payload) for topic, _, payload in (one.partition(" ") for one in lines)]


def live(found: list[tuple[str, str]], pack: str) -> list[dict]:
    return [json.loads(payload) for topic, payload in found if topic == f"jkbms/{pack}/live"]


@pytest.mark.parametrize("suffix", ["log", "asc", "csv"])
def test_the_same_messages_every_time_out_of_any_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], suffix: str
):
    path = tmp_path / f"x.{suffix}"
    packs = make_can([0, 3], others=["inverter"])
    write_log(packs, str(path), 12)
    first = run(capsys, str(path))
    assert first == run(capsys, str(path))
    assert [round(live(first, p)[-1]["pack_voltage"]) for p in ("0", "3")] == [
        round(packs.packs[a].truth(12_000)["pack_voltage"] / 1000) for a in (0, 3)
    ]
    assert "cell_voltage_16" in live(first, "3")[-1]


def test_the_recorded_battery(capsys: pytest.CaptureFixture[str], frames_dir: Path):
    path = next((frames_dir / "can").glob("01_*.log"))
    last = live(run(capsys, str(path)), "0")[-1]
    assert last["soc"] == 99
    assert last["cell_count"] == 16


def test_a_log_whose_clock_was_set_is_played_to_its_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """A computer without a clock of its own: it begins in 1970 and learns the time of day later."""
    path = tmp_path / "x.log"
    write_log(make_can([0]), str(path), 9)
    early = path.read_text()
    write_log(make_can([0], cells=8), str(path), 9)
    path.write_text(early + path.read_text().replace("(", "(179572"))
    found = [told["cell_count"] for told in live(run(capsys, str(path)), "0")]
    assert (found[0], found[-1]) == (16, 8)
    keys = ("kind=can", "interface=file", f"channel={path}")
    assert cli.main(["doctor", *(word for key in keys for word in ("--set", f"bus.{key}"))]) == 0
    assert "8 cells" in capsys.readouterr().out


def test_logs_follow_one_another_and_stand_beside_rs485(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    for name, address in (("a", 1), ("b", 2)):
        write_log(make_can([address]), str(tmp_path / f"{name}.log"), 9)
    found = run(capsys, str(tmp_path / "a.log"), str(tmp_path / "b.log"))
    order = [topic for topic, _ in found if topic.endswith("/live")]
    assert order.index("jkbms/1/live") < order.index("jkbms/2/live")
    (tmp_path / "rs485.hex").write_text("1.000 < 01 02\n")
    found = run(capsys, str(tmp_path / "rs485.hex"), str(tmp_path / "a.log"))
    assert live(found, "can1")


def test_a_recording_on_the_wrong_kind_of_bus_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "x.log").write_text("# session aa, bus 1 of 2, port x\n(0.000000) can0 2F4#1302B20F51000000\n")
    (tmp_path / "jkbridge.toml").write_text(
        '[[bus]]\nport = "/dev/ttyUSB0"\n[[bus]]\nkind = "can"\nchannel = "can0"\nprefix = "c"\n'
    )
    assert cli.main(["replay", "--print", str(tmp_path / "x.log")]) == 2
    assert "is CAN, but bus 1 of the configuration is not" in capsys.readouterr().err


def test_a_line_of_every_kind_of_frame_is_read_back():
    frames = [
        CanFrame(1, 0x2F4, False, False, False, 8, bytes(range(8))),
        CanFrame(2, 0x18F128F4, True, False, False, 8, bytes(8)),
        CanFrame(3, 0x2F4, False, True, False, 8, b""),
        CanFrame(4, 0x88, False, False, True, 8, bytes(8)),
    ]
    text = masked(frames)
    assert can_log.parse(text.encode()).frames == [frame._replace(at=frame.at - 1) for frame in frames]


def test_a_log_may_be_longer_than_the_clock_counts():
    clock = ManualClock()
    day = 24 * 3_600_000
    frames = [CanFrame(n * 6 * day, n, False, False, False, 8, bytes(8)) for n in range(4)]
    port = CanReplayPort(frames, clock)
    assert port.poll().kind == "opened"
    assert port.poll().frame.id == 0
    for n in (1, 2, 3):  # the clock wraps after 12.4 days
        assert port.until_next() == 6 * day
        clock.advance(6 * day - 1)
        assert port.poll() is None
        clock.advance(1)
        event = port.poll()
        assert (event.frame.id, event.at) == (n, clock())
    assert port.until_next() is None


def test_what_others_say_is_masked():
    serial = CanFrame(0, 0x382, False, False, False, 7, b"SN12345")
    assert masked([serial]).endswith("382#2A2A2A2A2A2A2A\n")


def test_behind_address_11_data_are_those_of_others_until_a_battery_is_known_there():
    """0x301 is an inverter's question in Growatt's profile, 0x601 a node that tells its serial number on CANopen."""
    theirs = [CanFrame(0, number, False, False, False, 8, b"SN123456") for number in (0x301, 0x601)]
    battery = CanFrame(0, 0x18F128F4 + 13, True, False, False, 8, bytes(8))
    written: list[str] = []
    recorder = CanRecorder(written.append, "can0", 0)
    for frame in [*theirs, battery, *theirs]:
        recorder.frame(frame, 0)
    for text in ("".join(written), masked([*theirs, battery, *theirs])):
        assert [line.partition("#")[2] for line in text.splitlines()] == [
            "2A" * 8, "2A" * 8, "00" * 8, b"SN123456".hex().upper(), b"SN123456".hex().upper(),
        ]


def test_a_bus_is_recorded_played_and_bundled(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "bus.txt"
    keys = {"kind": "can", "interface": "virtual", "channel": "recorded"}
    config = core_config.load({"bus": [{"port": "/dev/ttyUSB0"}, keys | {"prefix": "c"}], "capture": str(path)}, "host")
    with CanServer(make_can([2], others=["inverter"]), "virtual", "recorded"), Rig([keys]) as rig:
        recorder = Capture(config, "1a2b3c4d", Lines())
        rig.loop.ports = recorder.ports([rig.ports[0], rig.ports[0]])[1:]
        rig.run(20, lambda: any(topic == "jkbms/2/live" for _, topic, _ in rig.published))
    recorder.close()
    second = path.with_name("bus-bus2.txt")
    text = second.read_text()
    assert "session 1a2b3c4d, bus 2 of 2" in text
    assert "# port opened" in text
    found = replay.read(str(second))
    assert found.can
    assert found.origin is not None
    assert {f.id for f in found.items if isinstance(f, CanFrame)} >= {0x2F6, 0x305}  # JK's at address 2, the inverter's
    assert live(run(capsys, "--set", "bus.kind=can", "--set", "bus.channel=x",
                    "--set", "bus.prefix=", str(_first_bus(second))), "2")  # fmt: skip
    out = tmp_path / "b.zip"
    assert cli.main(["bundle", "--capture", str(path), "--out", str(out), "--wait", "0"]) == 0
    with zipfile.ZipFile(out) as archive:
        kept = archive.read("capture/bus-bus2.txt").decode()
    assert "bus 2 of 2" in kept
    assert " 2F6#" in kept
    assert "307#2A2A2A2A2A2A2A2A" in kept


def _first_bus(path: Path) -> Path:
    """The same file as of a run with one bus."""
    out = path.with_name("one.txt")
    out.write_text(path.read_text().replace("bus 2 of 2", "bus 1 of 1"))
    return out


def test_a_pack_that_tells_no_cells_is_not_said_to_have_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    write_log(make_can([1], version="v1"), str(tmp_path / "x.log"), 12)
    assert cli.main(["replay", "--print", str(tmp_path / "x.log")]) == 0
    error = capsys.readouterr().err
    assert "pack 1 online: 52." in error
    assert " 0 cells" not in error


def test_what_could_not_be_read_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "x.log"
    path.write_text("# mine\n(0.0) can0 2F4#1302B20F51000000\n(0.1) can0 2F4#13\n(0.2) can0 2F\nhm\n")
    assert cli.main(["replay", "--print", str(path)]) == 0
    error = capsys.readouterr().err
    assert "2 pieces could not be read, the first in line 4: this is no line of candump." in error


def test_a_packed_log_keeps_the_secrets_of_others_out_of_the_bundle(tmp_path: Path):
    path = tmp_path / "x.log.gz"
    path.write_bytes(gzip.compress(b"(0.0) can0 2F4#1302B20F51000000\n(0.1) can0 123#DEADBEEF01020304\n"))
    out = tmp_path / "b.zip"
    assert cli.main(["bundle", "--capture", str(path), "--out", str(out), "--wait", "0"]) == 0
    text = zipfile.ZipFile(out).read("capture/x.log.gz").decode()
    assert "2F4#1302B20F51000000" in text
    assert "DEADBEEF" not in text


def test_a_log_comes_through_a_pipe_and_its_end_is_said(tmp_path: Path):
    log = tmp_path / "x.log"
    write_log(make_can([1]), str(log), 12)
    found = []
    for name in ("-", "/dev/stdin"):
        with log.open("rb") as pipe:
            ran = subprocess.run(
                [sys.executable, "-m", "jkbridge", "replay", "--print", name], stdin=pipe, capture_output=True,
                text=True, cwd=tmp_path, timeout=60, check=True,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            )  # fmt: skip
        found.append([line for line in ran.stdout.splitlines() if line.startswith("jkbms/1/live ")])
        assert "The recording ends here" in ran.stderr
        assert ran.stderr.index("online") < ran.stderr.index("ends here") < ran.stderr.index("now offline")
    assert len(found[0]) >= 2
    assert found[0] == found[1]


def test_without_rs485_there_are_no_settings_to_look_at(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "jkbridge.toml").write_text('[bus]\nkind = "can"\nchannel = "can0"\n')
    assert cli.main(["get", "1"]) == 2
    assert "CAN carries no settings" in capsys.readouterr().err
