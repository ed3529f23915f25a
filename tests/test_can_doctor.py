"""The doctor at CAN buses: simulated lines and logs on a clock of their own, and the command itself."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from jkbridge import cli, settings
from jkbridge.can_frame import CanEvent, CanFrame
from jkbridge.can_replay import CanReplayPort
from jkbridge.doctor import can_command, can_findings, proposal
from jkbridge.doctor.can_examination import CanLostError, listen
from jkbridge.doctor.report import Quiet, Told
from jkbridge.loop import ManualClock
from jkbridge.simulator import CanServer, make_can
from jkbridge.simulator.can_line import CanLine
from jkbridge.simulator.can_server import write_log
from jkcore import config as core_config

ACK_ERROR = CanFrame(0, 0x88, False, False, True, 8, bytes((0, 0, 0, 0x1B, 0, 0, 0, 0)))
STUFF_ERROR = CanFrame(0, 0x88, False, False, True, 8, bytes((0, 0, 0x04, 0, 0, 0, 0, 0)))


def config(**how: Any) -> dict[str, Any]:
    bus = {"kind": "can", "channel": "can0"} | how
    loaded: dict[str, Any] = core_config.load({"bus": bus}, "host")["bus"][0]
    return loaded


def frames_of(line: CanLine, seconds: float = 20) -> list[CanFrame]:
    return [
        CanFrame(
            sent.at_us // 1000, sent.frame.id, sent.frame.extended, sent.frame.remote, sent.frame.error,
            len(sent.frame.data), sent.frame.data,
        )
        for sent in line.play(seconds)
    ]  # fmt: skip


def heard(frames: Sequence[CanFrame], port: Any = None, **how: Any) -> can_findings.Heard:
    clock = ManualClock(0x3FFFFFFF - 3000)  # it wraps in the middle of everything
    port = port or CanReplayPort(frames, clock, 500_000)
    return listen(config(**how), port, clock, clock.advance, Quiet(), 20)


def told(line: CanLine, expected: Sequence[int] = (), seconds: float = 20, **how: Any) -> list[Told]:
    return can_findings.judge(heard(frames_of(line, seconds), **how), list(expected))


def words(found: list[Told]) -> list[str]:
    return [one.code for one in found]


@pytest.mark.parametrize(
    ("how", "expected", "verdict", "also"),
    [
        ({"addresses": [0, 1, 11]}, [], "ok_listening", []),
        ({"addresses": [2], "others": ["inverter"]}, [], "ok_listening", ["others_heard"]),
        ({"addresses": [0, 2]}, [0, 1, 2, 3], "some_silent", ["ok_listening"]),
        ({"addresses": [0, 0]}, [], "two_packs", ["ok_listening"]),
        ({"addresses": [3], "version": "v1"}, [], "ok_listening", ["v1"]),
        ({"addresses": [13]}, [], "ok_listening", ["high_address"]),
        ({"addresses": [13], "reading": "wrap"}, [], "high_address", []),
        ({"addresses": [0], "version": "pylon"}, [], "inverter_profile", []),
        ({"addresses": [0], "others": ["display"]}, [], "ok_listening", ["controlled"]),
    ],
)  # fmt: skip
def test_verdicts(how: dict[str, Any], expected: list[int], verdict: str, also: list[str]):
    found = told(make_can(**how), expected)
    assert [found[0].code, *[w for w in words(found) if w in also]] == [verdict, *also]
    assert found[0].healthy == (verdict == "ok_listening")


@pytest.mark.parametrize(
    ("name", "verdict"), [("inverter", "inverter_only"), ("foreign", "foreign_ids"), ("remote", "no_battery")]
)
def test_buses_without_a_battery(name: str, verdict: str):
    line = make_can([0], others=[name])
    line.packs[0].powered = False
    assert words(told(line))[0] == verdict


def test_silence_names_swapped_wires_and_the_missing_acknowledge():
    found = can_findings.judge(heard([]), [])
    assert words(found) == ["silence", "maybe_swapped", "alone"]
    assert not found[0].healthy


@pytest.mark.parametrize(("error", "verdict"), [(ACK_ERROR, "no_acks"), (STUFF_ERROR, "wrong_bitrate")])
def test_only_errors(error: CanFrame, verdict: str):
    found = can_findings.judge(heard([error._replace(at=20 * i) for i in range(500)]), [])
    assert words(found)[0] == verdict


def test_errors_beside_good_frames_are_the_cable():
    line = make_can([0])
    line.fault("error", rate=0.1)
    assert words(told(line))[0] == "error_frames"


def test_a_battery_that_falls_silent_while_others_go_on_has_no_values():
    line = make_can([0, 3])
    line.fault("silence", 3, start=3)
    found = heard(frames_of(line))
    first = can_findings.judge(found, [])[0]
    assert (first.code, first.healthy) == ("went_silent", False)
    assert first.text == "address 3 was heard, then no more, others still are"
    other, silent = can_findings.pack_facts(found)
    assert other["voltage"] > 40
    assert (silent["address"], silent["voltage"], silent["soc"], silent["cells"]) == (3, None, None, None)


def test_short_frames_and_values_no_battery_has():
    line = make_can([0])
    line.fault("short", rate=0.05)
    assert "short_frames" in words(told(line))
    bad = CanFrame(0, 0x2F4, False, False, False, 8, bytes(8))
    good = frames_of(make_can([0]), 5)
    found = can_findings.judge(heard([*good, *(bad._replace(at=5000 + i) for i in range(9))]), [])
    assert words(found)[0] == "implausible"


class Closed:
    """A port that cannot be opened, or that finds another bit rate."""

    state, errors, bitrate, elsewhere, listening = "unknown", 0, 500_000, 0, True

    def __init__(self, why: str, events: list[CanEvent]) -> None:
        self.why = why
        self.events = events
        self.closed = False

    def start(self) -> None:
        pass

    def poll(self) -> CanEvent | None:
        return self.events.pop(0) if self.events else None

    def close(self) -> None:
        self.closed = True


def test_an_adapter_that_cannot_be_opened():
    port = Closed("adapter_missing", [CanEvent("closed", 0, reason="can0 does not exist. Trying again.")])
    with pytest.raises(CanLostError, match=r"^can0 does not exist\.$") as found:
        heard([], port)
    assert found.value.word == "adapter_missing"
    assert port.closed
    port = Closed("", [])
    with pytest.raises(CanLostError, match="could not be opened within 40 s"):
        heard([], port)
    assert port.closed


def test_another_bit_rate_is_proposed():
    port = Closed("", [CanEvent("opened", 0)])
    port.state, port.elsewhere = "silent", 250_000
    found = heard([], port, interface="slcan")
    told_ = can_findings.judge(found, [])
    assert words(told_) == ["other_bitrate"]
    assert "250 kbit/s, not at 500" in told_[0].text
    assert can_command.propose(config(interface="slcan"), found, [])["bitrate"] == 250_000


@pytest.mark.parametrize(("interface", "listening", "said"), [("gs_usb", False, True), ("slcan", True, False)])
def test_an_adapter_that_cannot_only_listen_is_named(interface: str, listening: bool, said: bool):
    port = Closed("", [CanEvent("opened", 0)])
    port.listening = listening
    assert ("takes_part" in words(can_findings.judge(heard([], port, interface=interface), []))) == said


def test_the_proposal_can_be_loaded():
    found = heard(frames_of(make_can([0, 4]), 12))
    facts = can_findings.pack_facts(found)
    assert [(pack["address"], pack["cells"]) for pack in facts] == [(0, 16), (4, 16)]
    assert all(40 < pack["voltage"] < 60 for pack in facts)
    bus = can_command.propose(config(packs=[0, 7], listen_only=False), found, facts)
    text = proposal.toml(bus, "x")
    loaded = core_config.load(settings.tomllib.loads(text), "host")["bus"][0]
    assert loaded["packs"] == [0, 4, 7]
    assert loaded["listen_only"] is False


@pytest.fixture(autouse=True)
def _nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(settings, "search_path", lambda: [tmp_path / "jkbridge.toml"])


def command(capsys: pytest.CaptureFixture[str], interface: str, channel: str, *words_: str) -> tuple[int, str, str]:
    code = cli.main(["doctor", "--set", "bus.kind=can", "--set", f"bus.interface={interface}",
                     "--set", f"bus.channel={channel}", *words_])  # fmt: skip
    out, err = capsys.readouterr()
    return code, out, err


def test_a_log_as_json_and_a_file(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    log = tmp_path / "x.log"
    write_log(make_can([1, 2], others=["inverter"]), str(log), 12)
    made = tmp_path / "made.toml"
    code, out, err = command(capsys, "file", str(log), "--json", "--write", str(made))
    found = json.loads(out)
    assert code == 0
    assert found["verdict"] == "ok_listening"
    assert [pack["address"] for pack in found["packs"]] == [1, 2]
    assert found["phases"][0]["others"].keys() == {"305", "307"}
    assert found["config"]["bus"]["packs"] == [1, 2]
    assert f"Written to {made}" in err
    assert settings.load(str(made)).config["bus"][0]["channel"] == str(log)
    code, out, _ = command(capsys, "file", str(log))
    assert code == 0
    assert "Verdict (ok_listening): Packs are heard: address 1, 2." in out
    assert "Pack at address 1: 16 cells" in out


def test_an_interface_that_is_not_there(capsys: pytest.CaptureFixture[str]):
    code, out, _ = command(capsys, "socketcan", "can77", "--json")
    found = json.loads(out)
    assert code == 2
    assert found["verdict"] in ("adapter_missing", "driver_missing")  # some machines have no SocketCAN at all
    assert "can77" in found["text"]
    assert "Trying again" not in out


def test_a_running_bus(capsys: pytest.CaptureFixture[str]):
    with CanServer(make_can([5]), "virtual", "doctor"):
        code, out, _ = command(capsys, "virtual", "doctor", "--seconds", "10")
    assert code == 0
    assert "Packs are heard: address 5" in out


def test_a_bus_is_chosen_by_name_port_or_number(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    log = tmp_path / "x.log"
    write_log(make_can([1]), str(log), 12)
    (tmp_path / "jkbridge.toml").write_text(
        '[[bus]]\nport = "/dev/ttyUSB77"\n[[bus]]\nkind = "can"\ninterface = "file"\n'
        f'channel = "{log}"\nprefix = "c"\nname = "roof"\n'
    )
    for wanted in ("2", "roof", f"file:{log}"):
        assert cli.main(["doctor", "--bus", wanted]) == 0
        assert "ok_listening" in capsys.readouterr().out
    assert cli.main(["doctor"]) == 2
    assert "/dev/ttyUSB77 does not exist" in capsys.readouterr().out
    assert cli.main(["doctor", "--bus", "3"]) == 2
    assert "there is no such bus" in capsys.readouterr().out


def test_a_log_of_errors_alone_says_what_to_do(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    write_log(make_can([1], acknowledged=False), "x.log", 12)
    Path("x.log").rename("x")
    code, out, _ = command(capsys, "file", "x")
    assert code == 1
    assert "Verdict (wrong_bitrate)" in out
    assert "What to do: file:x: only errors come" in out  # and no picture in the place of :x:


def test_logs_without_a_frame_are_the_file_s_fault_and_keep_their_name(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    Path("empty.log").write_text("# nothing\n")
    Path("junk.log").write_bytes(b"\xa3\x00" * 300)
    for name, why in (
        ("nix.log", "cannot be read: No such file or directory."), ("empty.log", "no lines of candump"),
        ("junk.log", "holds no lines of candump"),
    ):  # fmt: skip
        code, out, _ = command(capsys, "file", name)
        assert code == 2
        assert f"(file_unreadable): {name}" in out
        assert why in " ".join(out.split())


def test_beside_a_fault_nobody_is_told_that_nothing_has_to_be_changed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    log = tmp_path / "x.log"
    write_log(make_can([1]), str(log), 12)
    code, out, _ = command(capsys, "file", str(log), "--set", "bus.packs=1,2")
    assert code == 1
    assert "Packs are heard: address 1. (ok_listening)" in out
    assert "Nothing has to be changed" not in out


def test_a_question_ends_without_a_full_stop(capsys: pytest.CaptureFixture[str]):
    _, out, _ = command(capsys, "udp_multicast", "10.1.1.1")
    assert "udp_multicast:10.1.1.1" in out
    assert "?." not in out
