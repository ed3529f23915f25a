"""What people see: the view gathered from published messages, the plain lines and the live table."""

from __future__ import annotations

import errno
import io
import json
import threading
import time
from typing import Any

import pytest
from host_fakes import FakeBridge, FakeBus, pack
from rich.console import Console

from jkbridge import table as table_module
from jkbridge.table import LiveTable
from jkbridge.watch import PlainReport, Watch, describe
from jkcore import log as levels

LIVE = {
    "pack_voltage": 53.274,
    "current": -12.5,
    "power": -665.925,
    "soc": 81,
    "cell_voltage_min": 3.325,
    "cell_voltage_max": 3.331,
    "cell_voltage_delta": 0.006,
    "mos_temperature": 25.5,
    "temperature_1": 21.0,
    "temperature_2": None,
    "charge_mos": "ON",
}


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def watching() -> tuple[FakeBridge, Watch, Clock]:
    bridge = FakeBridge()
    bridge.packs = [pack(b"1", "Garage"), pack(b"2", online=False)]
    clock = Clock()
    return bridge, Watch(bridge, "jkbms", clock), clock


def test_view_comes_from_the_published_live_message() -> None:
    _, watch, clock = watching()
    watch(b"jkbms/1/live", json.dumps(LIVE).encode())
    watch(b"jkbms/1/link", b"{}")
    watch(b"homeassistant/sensor/jkbms_1_live/config", b"{}")
    clock.now += 3
    first, second = watch.packs()
    assert (first.id, first.name, first.online, first.age) == ("1", "Garage", True, 3.0)
    assert first.number("pack_voltage") == 53.274
    assert first.number("charge_mos") is None
    assert first.temperature() == 25.5
    assert (second.online, second.age, second.values) == (False, None, {})
    assert watch.messages == 3
    assert watch.recent()[0] == (3.0, "homeassistant/sensor/jkbms_1_live/config", 2)


def test_packs_stand_by_bus_and_address_not_by_who_was_heard_first() -> None:
    bridge, watch, _ = watching()
    bridge.buses = [FakeBus(), FakeBus("second")]
    for n, address in ((1, 2), (0, 10), (0, 0), (1, 1), (0, 9)):
        bridge.buses[n].packs.append(pack(b"%s%d" % (b"b2-" if n else b"", address), address=address))
    bridge.packs = [*bridge.buses[1].packs, *bridge.buses[0].packs]
    assert [view.id for view in watch.packs()] == ["0", "9", "10", "b2-1", "b2-2"]


def test_a_pack_in_one_line() -> None:
    _, watch, _ = watching()
    watch(b"jkbms/1/live", json.dumps(LIVE).encode())
    first, second = watch.packs()
    assert describe(first) == (
        'pack 1 "Garage": online  53.27 V  -12.50 A  -666 W  81 %  cells 3.325-3.331 V (6 mV)  25.5 °C'
    )
    assert describe(second) == "pack 2: offline"


def test_damaged_or_partial_payloads_are_no_values() -> None:
    _, watch, _ = watching()
    for payload in (b"", b"[1]", b"{", b'{"pack_voltage":null}'):
        watch(b"jkbms/1/live", payload)
        assert describe(watch.packs()[0]) == 'pack 1 "Garage": online'


def test_plain_lines_only_when_a_pack_comes_or_goes_and_never_with_old_values() -> None:
    bridge, watch, clock = watching()
    said: list[str] = []
    report = PlainReport(watch, said.append, clock)
    report.update()
    assert said == []  # online, but nothing of it was published yet
    watch(b"jkbms/1/live", json.dumps(LIVE).encode())
    for _ in range(86_400 // 60):
        report.update()
        clock.now += 60
    assert len(said) == 1  # a day
    assert said[0].startswith('pack 1 "Garage": online  53.27 V')
    bridge.packs[0].online = False
    report.update()
    assert said[1:] == ['pack 1 "Garage": offline']
    clock.now += 60
    report.update()
    bridge.packs[0].online = True
    clock.now += 1
    report.update()
    assert len(said) == 2  # back, with nothing but values of before
    watch(b"jkbms/1/live", json.dumps(LIVE | {"pack_voltage": 50.0}).encode())
    report.update()
    report.update()
    assert len(said) == 3
    assert "50.00 V" in said[2]


def test_summary_has_all_packs_in_one_line() -> None:
    _, watch, clock = watching()
    watch(b"jkbms/1/live", json.dumps(LIVE).encode())
    assert PlainReport(watch, print, clock).summary() == "; pack 1 53.27 V -12.50 A 81 %, pack 2 offline"


def test_names_are_no_markup() -> None:
    bridge, watch, _ = watching()
    bridge.packs = [pack(b"1", "Left [/A] [bold]x")]
    out = io.StringIO()
    console = Console(file=out, width=160)
    assert "Left [/A] [bold]x" in drawn(LiveTable(watch, lambda: ([""], ""), "", "", console), console, out)


def test_lines_may_come_while_the_table_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    _, watch, _ = watching()
    table = LiveTable(watch, lambda: ([""], ""), "", "", Console(file=io.StringIO(), width=160))
    text = table_module.Text
    adding = False

    def while_drawn(words: str = "", **how: Any) -> Any:
        if adding:
            table.log(levels.INFO, "one more")  # what the loop's thread may do between any two of these
        return text(words, **how)

    monkeypatch.setattr(table_module, "Text", while_drawn)
    for n in range(8):
        table.log(levels.INFO, f"line {n}")
    adding = True
    table.render()
    monkeypatch.undo()
    assert [str(part) for part in table.render().renderables][-1] == "one more"


def test_abandon_shows_the_cursor_even_when_drawing_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    _, watch, _ = watching()
    out = io.StringIO()
    table = LiveTable(watch, lambda: ([""], ""), "", "", Console(file=out, width=160, force_terminal=True))
    table.start()
    assert out.getvalue().rfind("\x1b[?25l") > out.getvalue().rfind("\x1b[?25h")
    forever = threading.Event()
    stop = table._live.stop
    monkeypatch.setattr(table._live, "stop", lambda: forever.wait(30))
    began = time.monotonic()
    table.abandon()
    assert time.monotonic() - began < 5
    assert out.getvalue().endswith("\x1b[?25h")
    forever.set()
    stop()


def test_a_terminal_that_has_gone_is_left_in_peace(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone(io.StringIO):
        dead = False

        def write(self, text: str) -> int:
            if self.dead:
                raise OSError(errno.EIO, "Input/output error")
            return len(text)

    _, watch, _ = watching()
    out = Gone()
    table = LiveTable(watch, lambda: ([""], ""), "", "", Console(file=out, width=160, force_terminal=True))
    monkeypatch.setattr(threading, "excepthook", lambda args: None)
    table.start()
    out.dead = True
    table.stop()
    table.abandon()


def drawn(table: LiveTable, console: Console, out: io.StringIO) -> str:
    console.print(table.render())
    return out.getvalue()


def test_table_shows_packs_bus_broker_and_the_end_of_the_log() -> None:
    _, watch, _ = watching()
    watch(b"jkbms/1/live", json.dumps(LIVE).encode())
    watch(b"jkbms/2/live", json.dumps(LIVE).encode())
    out = io.StringIO()
    console = Console(file=out, width=140, height=50)
    table = LiveTable(watch, lambda: (["bus text"], "broker text"), "mosquitto_sub -t x", "the title", console)
    for n in range(30):
        table.log(levels.WARNING, f"line {n} [not markup]")
    text = drawn(table, console, out)
    rows = {line.split()[1]: line for line in text.splitlines() if line.startswith("│")}
    for word in ("Garage", "online", "53.27", "-12.50", "-666", "81 %", "3.325", "3.331", "6 mV", "25.5"):
        assert word in rows["1"]
    assert "offline" in rows["2"]
    assert "53.27" not in rows["2"]  # nothing old looks live
    for word in ("the title", "bus text", "broker text", "mosquitto_sub -t x", "2 messages", "jkbms/2/live"):
        assert word in text
    assert "line 29 [not markup]" in text
    assert "line 5 " not in text


def two_buses() -> tuple[FakeBridge, Watch]:
    """Two buses with a pack at address 1 each."""
    bridge, watch, _ = watching()
    bridge.buses = [FakeBus("/dev/ttyUSB0"), FakeBus("tcp://10.0.0.2:8899")]
    bridge.buses[1].config["name"] = "Shed [/x]"
    bridge.packs = [pack(b"1", "Left"), pack(b"b2-1", "Right", online=False)]
    for bus, one in zip(bridge.buses, bridge.packs, strict=True):
        bus.packs = [one]
    watch(b"jkbms/1/live", json.dumps(LIVE).encode())
    return bridge, watch


def test_with_several_buses_every_pack_tells_its_own() -> None:
    _, watch = two_buses()
    first, second = watch.packs()
    assert (first.bus, second.bus) == ("/dev/ttyUSB0", "Shed [/x]")
    assert first.values
    assert not second.values
    assert describe(first).startswith('pack 1 "Left" on /dev/ttyUSB0: online  53.27 V')
    assert describe(second) == 'pack b2-1 "Right" on Shed [/x]: offline'
    out = io.StringIO()
    console = Console(file=out, width=160)
    text = drawn(LiveTable(watch, lambda: (["first text", "second text"], ""), "", "", console), console, out)
    rows = {line.split()[1]: line for line in text.splitlines() if line.startswith("│")}
    assert "/dev/ttyUSB0" in rows["1"]
    assert "53.27" in rows["1"]
    assert "Shed [/x]" in rows["b2-1"]
    assert "53.27" not in rows["b2-1"]
    facts = [line.split()[:4] for line in text.splitlines() if line.startswith("bus")]
    assert facts == [["bus", "1", "first", "text"], ["bus", "2", "second", "text"]]


def test_a_battery_on_two_buses_tells_both() -> None:
    bridge, watch = two_buses()
    bridge.buses[1].packs.append(pack(b"1", "Left", address=7))
    first, second = watch.packs()
    assert (first.id, first.bus) == ("1", "/dev/ttyUSB0 and Shed [/x]")
    assert (second.id, second.bus) == ("b2-1", "Shed [/x]")


def test_table_without_names_has_no_column_for_them() -> None:
    bridge, watch, _ = watching()
    bridge.packs = [pack(b"1")]
    out = io.StringIO()
    console = Console(file=out, width=140)
    text = drawn(LiveTable(watch, lambda: ([""], ""), "", "", console), console, out)
    assert " name " not in text
    assert " state " in text
