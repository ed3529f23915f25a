"""CAN logs: candump in both its forms, what python-can reads, and what is no frame."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from pathlib import Path

import can
import can_dbc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jkbridge import can_frame, can_log, cli
from jkbridge.can_frame import CanFrame
from jkbridge.simulator import make_can, write_log
from jkcore import canhearing

NAMES = (
    "01_jk16s_000-250k_sigrok_10s", "03_jk16s_006-500k_single_frames", "90_vendor_doc_examples_NOT_A_RECORDING",
)  # fmt: skip


def one(line: str) -> CanFrame | str:
    """The frame of a line, or why it is none."""
    log = can_log.parse(line.encode())
    assert len(log.frames) + len(log.rejected) == 1
    return log.frames[0] if log.frames else log.rejected[0].reason


@pytest.mark.parametrize("folder", ["", "replay"])
@pytest.mark.parametrize("name", NAMES)
def test_every_recording_is_read_byte_for_byte(name, folder, frames_dir):
    path = frames_dir / "can" / folder / f"{name}.log"
    log = can_log.read(path)
    assert log.rejected == []
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    first = int(lines[0][1:18].replace(".", ""))
    written = [
        f"{frame.id:0{8 if frame.extended else 3}X}#{frame.data.hex().upper()}" for frame in log.frames
    ]
    assert written == [line.split()[2] for line in lines]
    assert [frame.at for frame in log.frames] == [(int(line[1:18].replace(".", "")) - first) // 1000 for line in lines]
    assert all(frame.dlc == len(frame.data) for frame in log.frames)


@pytest.mark.parametrize("name", NAMES)
def test_python_can_reads_the_same(name, frames_dir):
    path = frames_dir / "can" / "replay" / f"{name}.log"
    with can.LogReader(str(path)) as reader:
        theirs = [(m.arbitration_id, m.is_extended_id, bytes(m.data)) for m in reader]
    assert [(f.id, f.extended, f.data) for f in can_log.read(path).frames] == theirs


@pytest.mark.parametrize("name", NAMES)
def test_the_frames_decode_to_the_expected_values(name, frames_dir):
    db = can_dbc.database(frames_dir)
    log = can_log.read(frames_dir / "can" / f"{name}.log")
    expected = json.loads((frames_dir / "can/expected" / f"{name}.json").read_text())
    assert len(log.frames) == expected["frame_count"]
    for frame, want in zip(log.frames, expected.get("frames", []), strict=False):
        name_of, values = can_dbc.signals(db, frame.id, frame.extended, frame.data)
        assert name_of == want["message"]
        assert values == pytest.approx(want["signals"])


def test_forms_of_candump():
    zero = CanFrame(0, 0x2F4, False, False, False, 2, b"\x3b\x02")
    assert one("(1436509052.249713) vcan0 2F4#3B02") == zero
    assert one("(0.5) can0 2F4#3B02 R") == zero
    assert one("2F4#3B.02") == zero
    assert one("  can0  2F4   [2]  3B 02") == zero
    assert one(" (003.114009)  can0  2F4   [2]  3B 02   ';.'") == zero
    assert one(" (003.114009)  can0  RX - -  2F4   [2]  3B 02") == zero
    assert one("(1.0) can0 18F128F4#") == CanFrame(0, 0x18F128F4, True, False, False, 0, b"")
    assert one("(1.0) can0 000002F4#00") == CanFrame(0, 0x2F4, True, False, False, 1, b"\0")
    assert one("(1.0) can0 2F4#R8") == CanFrame(0, 0x2F4, False, True, False, 8, b"")
    assert one("(1.0) can0 2F4#R R") == CanFrame(0, 0x2F4, False, True, False, 0, b"")
    assert one("  can0  2F4   [8]  remote request") == CanFrame(0, 0x2F4, False, True, False, 8, b"")
    error = CanFrame(0, 0x8, False, False, True, 8, bytes.fromhex("00 00 00 1B 00 00 00 00"))
    assert one("(1.0) can0 20000008#0000001B00000000") == error
    assert one("  can0  20000008   [8]  00 00 00 1B 00 00 00 00   ERRORFRAME") == error


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("hello", "no line of candump"),
        ("(1.0) can0 2F4#3B0", "no pairs of hex digits"),
        ("(1.0) can0 2F4#3B0G", "no pairs of hex digits"),
        ("(1.0) can0 2F4#" + "00" * 9, "9 data bytes, but a frame has 8 at most"),
        ("(1.0) can0 2F4#R9", "9 data bytes, but a frame has 8 at most"),
        ("(1.0) can0 8F4#00", "8F4 is no identifier: 11 bits are allowed"),
        ("(1.0) can0 88F128F4#00", "88F128F4 is no identifier: 29 bits are allowed"),
        ("(1.0) can0 2F4##1.00", "CAN FD"),
        ("(1.0) can0 2F#00", "no line of candump"),
        ("(1.x) can0 2F4#00", "no line of candump"),
        ("  can0  2F4   [3]  3B 02", "3 data bytes are announced, 2 are there"),
        ("  can0  2F4   [12]  " + "00 " * 12, "12 data bytes"),
        ("(1.0) can0", "no line of candump"),
        ("\x00\x00\x00", "no line of candump"),
    ],
)
def test_what_is_no_frame_is_rejected_with_its_place_and_reason(line, reason):
    good = "(1.0) can0 2F4#01\n# comment\n\n"
    log = can_log.parse((good + line + "\r\n" + "(2.0) can0 2F5#02\n").encode())
    assert [frame.id for frame in log.frames] == [0x2F4, 0x2F5]
    (rejected,) = log.rejected
    assert reason in rejected.reason
    assert (rejected.offset, rejected.line, rejected.length) == (len(good), 4, len(line))


def test_times_start_at_zero_and_never_run_backwards():
    text = "(1795728260.1) c 1#\n(1795728260.25) c 1#\n(1795728260.2) c 1#\n(1795728261.1) c 1#\n"
    assert can_log.parse(text.replace(" 1#", " 001#").encode()).frames[-1].at == 1000
    assert [frame.at for frame in can_log.parse(text.replace(" 1#", " 001#").encode()).frames] == [0, 150, 150, 1000]
    assert [frame.at for frame in can_log.parse(b"001#\n001#\n(5.0) c 001#\n(5.1) c 001#\n").frames] == [0, 1, 1, 101]


def test_a_clock_that_was_set_does_not_stop_the_log():
    day = 86_400_000
    text = "(100.0) c 001#\n(1795728260.5) c 001#\n(1795728261.5) c 001#\n(5.0) c 001#\n(6.25) c 001#\n"
    assert [frame.at for frame in can_log.parse(text.encode()).frames] == [0, day, day + 1000, day + 1000, day + 2250]


def test_the_explanations_of_error_frames_are_no_damage():
    text = (
        "  can0  20000088   [8]  00 00 00 19 00 00 60 00   ERRORFRAME\n\tprotocol-violation{{}{acknowledge-slot}}\n"
        "\tbus-error\n\terror-counter-tx-rx{{96}{0}}\n  can0  2F4   [1]  3B\n\tbus-error\n"
    )
    log = can_log.parse(text.encode())
    assert [frame.error for frame in log.frames] == [True, False]
    assert [piece.line for piece in log.rejected] == [6]


def test_absolute_times_of_candump_are_read():
    frame = "c  2F4   [1]  00"
    text = f"(2026-02-28 23:59:59.900000)  {frame}\n (2026-03-01 00:00:00.150000)  {frame}\n"
    assert [frame.at for frame in can_log.parse(text.encode()).frames] == [0, 250]
    assert one("(2026-02-28 23:59:59.900000) can0 2F4#00") == CanFrame(0, 0x2F4, False, False, False, 1, b"\0")
    assert one("(2026-02-31 23:59:59.900000) can0 2F4#00") == "2026-02-31 23:59:59.900000 is no time"


def test_lines_may_end_as_on_any_system():
    log = can_log.parse(b"001#01\r002#02\r\nrubbish\r\n\n003#03")
    assert [frame.id for frame in log.frames] == [1, 2, 3]
    assert log.rejected == [can_log.Rejected(15, 3, 7, "this is no line of candump")]


def test_a_long_log_is_read_line_by_line():
    content = b"(1.000000) can0 2F4#1302B20F51000000\n" * 20_000
    tracemalloc.start()
    try:
        count = sum(1 for _ in can_log.pieces("long.log", content))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 20_000
    assert peak < 200_000  # 20 000 frames at once would take more than 4 MB


@given(st.binary(max_size=300))
def test_no_bytes_whatsoever_make_it_fail(content):
    log = can_log.parse(content)
    for rejected in log.rejected:
        assert 0 <= rejected.offset < len(content)


@given(st.text(alphabet="()0123456789.can0 2F4#R[]8\nxAB", max_size=200))
def test_nearly_candump_does_not_either(text):
    can_log.parse(text.encode())


@pytest.mark.parametrize("suffix", ["asc", "blf", "trc", "csv", "log", "asc.gz"])
def test_what_python_can_reads_is_read(suffix, tmp_path):
    path = tmp_path / f"bus.{suffix}"
    write_log(make_can([0]), str(path), 2)
    said = list(make_can([0]).play(2))
    log = can_log.read(path)
    assert log.rejected == []
    assert [(f.id, f.extended, f.data) for f in log.frames] == [
        (s.frame.id, s.frame.extended, s.frame.data) for s in said
    ]
    for frame, sent in zip(log.frames, said, strict=True):
        assert abs(frame.at - (sent.at_us - said[0].at_us) / 1000) <= 2


def test_a_file_of_another_kind_is_a_sentence(tmp_path: Path):
    path = tmp_path / "holiday.jpg"
    path.write_bytes(b"\xff\xd8\xff")
    with pytest.raises(can_log.CanLogError, match=r"is no CAN log that can be read.*\.asc, \.blf"):
        can_log.read(path)
    said: list[str] = []
    for suffix in ("blf", "asc", "trc", "csv", "db", "mf4"):
        wrong = tmp_path / f"wrong.{suffix}"
        wrong.write_bytes(b"this is nothing\nat all\n" * 3)
        try:
            found = can_log.read(wrong).frames
        except can_log.CanLogError as error:
            found = []
            said.append(str(error))
        assert found == []
    assert len(said) >= 4
    assert all("wrong." in text for text in said)
    assert not any("none of" in text for text in said), "these are names of logs"
    (tmp_path / "wrong.log").write_text("this is nothing\n")
    with pytest.raises(can_log.CanLogError, match=r"none of (?!.*\.log)"):
        can_log.read(tmp_path / "wrong.log")
    with pytest.raises(OSError):
        can_log.read(tmp_path / "absent.log")


def test_a_log_that_breaks_off_gives_what_it_has(tmp_path: Path):
    path = tmp_path / "bus.csv"
    write_log(make_can([0]), str(path), 1)
    whole = len(can_log.read(path).frames)
    with open(path, "a") as file:
        file.write("1.0,zzz,1,0,0,8,AAAA\n")
    log = can_log.read(path)
    assert len(log.frames) == whole
    assert f"behind frame {whole}" in log.rejected[0].reason


def test_without_python_can_candump_is_still_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    import sys

    monkeypatch.setitem(sys.modules, "can", None)
    path = tmp_path / "bus.log"
    path.write_text("(1.0) can0 2F4#01\n")
    assert can_log.read(path).frames[0].id == 0x2F4
    (tmp_path / "bus.asc").write_text("date\n")
    with pytest.raises(can_log.CanLogError, match=r'pip install "jkbridge\[can\]"'):
        can_log.read(tmp_path / "bus.asc")


@pytest.mark.parametrize("first", [b"rubbish\n", b"; a note\n\n", b"\xef\xbb\xbf"])
def test_a_damaged_beginning_does_not_hide_a_candump_log(first: bytes, tmp_path: Path):
    path = tmp_path / "bus.log"
    path.write_bytes(first + b"(1.0) can0 2F4#01\n")
    assert [frame.id for frame in can_log.read(path).frames] == [0x2F4]


def test_packed_logs_and_those_of_powershell_are_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    text = b"(1.0) can0 2F4#1302B20F51000000\n(1.1) can0 2F5#1302B20F51000000\n"
    ways = {
        "a.log.gz": gzip.compress(text), "half.log.gz": gzip.compress(text)[:-8],
        "two.log.gz": gzip.compress(text[:32]) + gzip.compress(text[32:]), "w.log": text.decode().encode("utf-16"),
    }  # fmt: skip
    for name, content in ways.items():
        path = tmp_path / name
        path.write_bytes(content)
        assert [frame.id for frame in can_log.read(path).frames] == [0x2F4, 0x2F5]
        assert cli.main(["decode", str(path)]) == 0
        assert capsys.readouterr().out.count('"soc":81') == 2
    write_log(make_can([0]), str(tmp_path / "b.asc"), 1)
    (tmp_path / "c.asc.gz").write_bytes(gzip.compress((tmp_path / "b.asc").read_bytes()))
    assert cli.main(["decode", str(tmp_path / "c.asc.gz")]) == 0
    assert capsys.readouterr().out.count('"type":"can"') > 30


def test_host_and_core_agree_where_identifiers_become_ambiguous():
    assert can_frame.UNIQUE == canhearing._AMBIGUOUS
