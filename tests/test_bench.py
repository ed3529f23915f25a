"""tools/bench.py: it runs and fills every row (the figures are nobody's business here), and it counts right."""

from __future__ import annotations

import subprocess
import sys

import bench_interpreters
import bench_line
import bench_table
import bench_turns
import mp
import pytest
from bench_homes import Passed
from bench_table import Job, Row
from mosquitto import Message, require_mosquitto

from jkbridge.simulator import make_line


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_every_row_is_filled():
    for found in (mp.unix_micropython(), mp.wasm_micropython(), mp.umqtt()):
        mp.require(found)
    require_mosquitto()
    done = subprocess.run(
        [sys.executable, str(mp.ROOT / "tools" / "bench.py"), "--quick"], capture_output=True, text=True, timeout=170
    )
    assert done.returncode == 0, done.stderr
    assert "not measured" not in done.stdout, done.stdout
    for number, title in bench_table.GROUPS.items():
        assert f"\n{number}. {title}\n   " in done.stdout, done.stdout
    for row in ("CPython 3.", ", 32 bit", "ESTIMATE", "1 pack ", "4 packs", "RSS ", "p95 ", " % of one core", " bytes"):
        assert row in done.stdout, f"{row!r} is missing in:\n{done.stdout}"


def test_a_missing_tool_is_named_in_its_rows_and_spoils_no_other():
    def without(rows):
        rows[0].result = "5 us"
        pytest.skip("no mosquitto (MQTT broker) on this machine")

    def broken(rows):
        raise RuntimeError("the bridge ended by itself\nwith more lines")

    first = Job("a", [Row(1, 1, "measured", "x"), Row(1, 2, "other", "x")], without)
    second = Job("b", [Row(3, 1, "memory", "y")], broken)
    third = Job("c", [Row(3, 0, "forgotten", "y")], lambda rows: None)
    for job in (first, second, third):
        job.run()
    assert first.rows[0].result == "5 us"
    assert first.rows[1].result == "not measured: no mosquitto (MQTT broker) on this machine"
    groups = bench_table.ordered([first, second, third])
    assert [row.what for row in groups[3]] == ["forgotten", "memory"]
    for text in (bench_table.plain(groups), bench_table.document(groups)):
        assert "not measured: failed: the bridge ended by itself" in text
        assert "with more lines" not in text
        assert "not measured: failed: no figure came" in text


def exchange(at, address, kind, gap=0.1, length=0.0377):
    """(request, end of the answer) on the line, and when the next one may begin, seconds."""
    return [Passed(at, "ask", address, kind), Passed(at + length, "end", address, kind)], at + length + gap


def test_turns_delay_and_pause_are_counted_from_the_times():
    passed, messages, at = [], [], 100.0
    for _ in range(4):
        for address, kind in ((1, 2), (2, 2), (1, 1)):
            pair, at = exchange(at, address, kind, gap=0.102)
            passed += pair
            if kind == 2:
                messages.append(Message(f"jkbms/{address}/live", b"{}", False, pair[1].at + 0.003))
        messages.append(Message("jkbms/1/settings", b"{}", False, at))
    found = bench_turns.evaluate(passed, messages)
    assert found.turn == pytest.approx(3 * (37.7 + 102))
    assert found.turns == 3
    assert found.others == pytest.approx(1)
    assert found.pause == pytest.approx(102)
    assert found.excess == pytest.approx(37.7 - bench_turns.EXCHANGE_MS)
    assert found.delays == pytest.approx([3] * 8)


def test_a_bridge_that_sends_nothing_gives_no_figure():
    passed, _ = exchange(100.0, 1, 2)
    with pytest.raises(RuntimeError, match="too few live messages"):
        bench_turns.evaluate(passed, [])


def test_the_wire_limit_is_the_one_of_the_protocol():
    assert round(bench_turns.LIMIT_MS, 2) == 137.69


def test_the_timed_line_notes_requests_and_whole_answers():
    line = bench_line.TimedLine(make_line([1], paced=True, latency_ms=(10, 10)))
    request = bytes.fromhex("01 10 16 20 00 01 02 00 00 D6 F1")
    line.write(request[:4], 0)
    assert line.times == []
    line.write(request[4:], 0)
    assert [time[1:] for time in line.times] == [("ask", 1, 2)]
    assert line.slaves[1].heard == 0, "the wire needs a millisecond for it"
    got = b"".join(line.read(ms) for ms in range(1, 36))
    assert 0 < len(got) < 308
    assert len(line.times) == 1
    got += line.read(45)
    assert len(got) == 308
    assert [time[1:] for time in line.times] == [("ask", 1, 2), ("end", 1, 2)]


def test_figures_of_a_script_that_failed_are_not_taken():
    good = "word 32\nversion 1 27 0\ndecode 5000\ndiscovery_rate 9\n"
    assert bench_interpreters.read(good) == {"word": 32, "version": 1027000, "decode": 5000, "discovery_rate": 9}
    with pytest.raises(RuntimeError, match="ImportError: no module"):
        bench_interpreters.read("word 32\nTraceback (most recent call last):\nImportError: no module\n")
