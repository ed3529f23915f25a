"""The loop's round, its sense of time, the wake-up, and the watchdog."""

from __future__ import annotations

import threading
import time

import pytest
from host_fakes import FakeBridge, FakePort, FakeSession, Lines, until

from jkbridge.clock import MASK, later
from jkbridge.loop import EXIT_HUNG, Loop, ManualClock, Wake, Watchdog
from jkbridge.ports import PortEvent


def make(*events: PortEvent, room: int = 1_000_000) -> tuple[FakeBridge, FakePort, FakeSession, Loop]:
    bridge = FakeBridge()
    port = FakePort(*events)
    session = FakeSession(room)
    return bridge, port, session, Loop(bridge, [port], session)


def test_a_turn_feeds_then_ticks_then_writes_then_publishes() -> None:
    bridge, port, session, loop = make(
        PortEvent("opened", 5), PortEvent("data", 6, b"abc"), PortEvent("closed", 7, reason="r")
    )
    bridge.buses[0].send = b"\x01\x10"
    bridge.outbox.append((b"t", b"p", True))
    tapped = []
    loop.tap = lambda topic, payload: tapped.append((topic, payload))
    assert loop.turn(8) == 8
    assert bridge.buses[0].calls == [("opened", 5), ("feed", b"abc", 6), ("closed", "r", 7), ("tick", 8)]
    assert bridge.calls == [("tick", 8)]
    assert port.written == [b"\x01\x10"]
    assert session.sent == [(b"t", b"p", True)] == [(*tapped[0], True)]
    assert loop.drained
    assert loop.sent == 1


@pytest.mark.parametrize("start", [1000, MASK - 10])
def test_the_core_never_sees_time_run_backwards(start: int) -> None:
    bridge, port, _, loop = make()
    at = lambda ms: (start + ms) & MASK  # noqa: E731
    loop.turn(at(0))
    port.events.extend([PortEvent("data", at(20), b"x"), PortEvent("data", at(15), b"y")])  # came while the turn began
    assert loop.turn(at(12)) == at(20)
    port.events.append(PortEvent("data", at(18), b"z"))
    assert loop.turn(at(19)) == at(20)
    times = [call[-1] for call in bridge.buses[0].calls]
    assert [(t - start) & MASK for t in times] == [0, 20, 20, 20, 20, 20]


def test_later_across_the_wrap() -> None:
    assert later(5, MASK) == 5
    assert later(MASK, 5) == 5
    assert later(7, 7) == 7
    assert later(6, 9) == 9


def test_a_session_without_room_holds_messages_in_the_core() -> None:
    bridge, _, session, loop = make(room=2)
    bridge.outbox.extend([(b"a", b"1", False), (b"b", b"2", False), (b"c", b"3", False)])
    bridge.rest = 0
    loop.turn(0)
    assert len(session.sent) == 2
    assert len(bridge.outbox) == 1
    assert not loop.drained
    assert loop.rest_ms(0) > 0  # no spinning while nothing can be sent
    session.room = 5
    loop.turn(1)
    assert loop.drained
    assert loop.rest_ms(1) == 0


def test_rest_is_bounded_for_the_watchdog() -> None:
    bridge, _, _, loop = make()
    bridge.rest = 1 << 29
    loop.turn(0)
    assert loop.rest_ms(0) <= 1000


def test_wake_ends_a_rest_at_once_and_is_not_lost() -> None:
    wake = Wake()
    for early in (True, False):
        timer = threading.Timer(0 if early else 0.05, wake)
        began = time.monotonic()
        timer.start()
        wake.wait(5000)
        assert time.monotonic() - began < 2
    wake()
    wake()
    wake.wait(5000)
    began = time.monotonic()
    wake.wait(30)  # used up
    assert time.monotonic() - began >= 0.02


def test_watchdog_ends_a_process_whose_loop_stands_and_drops_the_socket_first() -> None:
    _, _, _, loop = make()
    done: list[object] = []
    log = Lines()
    dog = Watchdog(loop, log, lambda: done.append("dropped"), done.append, limit=0.2)
    dog.start()
    until(lambda: len(done) == 2)
    assert done == ["dropped", EXIT_HUNG]
    until(lambda: "has not turned" in log.text())


def test_watchdog_waits_a_moment_for_its_last_words() -> None:
    _, _, _, loop = make()
    done: list[object] = []

    def slow(level: int, text: str) -> None:
        time.sleep(0.2)
        done.append(text)

    Watchdog(loop, slow, lambda: None, done.append, limit=0.1).start()
    until(lambda: len(done) == 2)
    assert "has not turned" in str(done[0])
    assert done[1] == EXIT_HUNG


class Watched(Watchdog):
    """Looks when told: each look is (seconds since the last one, whether the loop turned meanwhile)."""

    def look(self, monkeypatch: pytest.MonkeyPatch, *looks: tuple[float, bool]) -> None:
        clock = [1000.0]
        monkeypatch.setattr(time, "monotonic", lambda: clock[0])
        self._loop.turned = 1000.0
        waiting = iter(looks)

        class Waits:
            def wait(self, period: float) -> bool:
                look = next(waiting, None)
                if look is None:
                    return True
                clock[0] += look[0]
                if look[1]:
                    dog._loop.turned = clock[0]
                return False

        dog = self
        self._stop_event = Waits()  # type: ignore[assignment]
        self.run()


@pytest.mark.parametrize(
    ("looks", "ends"),
    [
        ([(1, False)] * 13, True),
        ([(1, True)] * 20, False),
        ([(1, True), (12, False), (1, True), (1, True)], False),  # Ctrl-Z and fg, a paused machine
        ([(1, True), (3600, False), (1, False), (1, True), (1, True)], False),
        ([(1, True), (3600, False), *[(1, False)] * 3], True),  # the loop did not come back with the rest
    ],
)
def test_watchdog_tells_a_hanging_loop_from_a_process_that_was_stopped(
    monkeypatch: pytest.MonkeyPatch, looks: list[tuple[float, bool]], ends: bool
) -> None:
    _, _, _, loop = make()
    done: list[object] = []
    Watched(loop, Lines(), lambda: None, done.append).look(monkeypatch, *looks)
    assert done == ([EXIT_HUNG] if ends else [])


def test_a_port_that_never_runs_dry_leaves_the_rest_its_turn() -> None:
    bridge, port, session, loop = make()
    port.events.extend([PortEvent("data", 5, b"noise")] * 20_000)
    bridge.outbox.append((b"t", b"p", True))
    assert loop.turn(5) == 5
    assert session.sent == [(b"t", b"p", True)]
    assert bridge.said("tick") == 1
    assert 1 <= len([call for call in bridge.buses[0].calls if call[0] == "feed"]) <= 1000
    assert loop.rest_ms(5) == 0  # the rest of it waits
    port.events.clear()
    loop.turn(6)
    assert loop.rest_ms(6) == bridge.rest


@pytest.mark.parametrize("start", [0, MASK - 5000])
def test_loop_gap_is_the_longest_of_the_last_ten_seconds(start: int, monkeypatch: pytest.MonkeyPatch) -> None:
    bridge, _, _, loop = make()
    told: list[int] = []
    monkeypatch.setattr(bridge, "measured", lambda heap, gap, reconnects: told.append(gap))
    clock = ManualClock(start)
    loop.turn(clock())
    for ms in (300, 700, *[500] * 18):  # 10 s, with one gap of 0.7 s
        assert set(told) == {0}
        loop.turn(clock.advance(ms))
    assert told[-1] == 700
    for _ in range(100):
        loop.turn(clock.advance(100))
    assert told[-1] == 100  # falls again
    loop.measuring = False
    loop.turn(clock.advance(1))
    assert told[-1] == 0


def test_watchdog_ends_the_process_even_when_dropping_hangs() -> None:
    _, _, _, loop = make()
    done: list[object] = []
    forever = threading.Event()
    Watchdog(loop, Lines(), lambda: forever.wait(60), done.append, limit=0.1).start()
    until(lambda: done == [EXIT_HUNG])
    forever.set()


def test_watchdog_leaves_a_turning_loop_alone() -> None:
    _, _, _, loop = make()
    done: list[object] = []
    dog = Watchdog(loop, Lines(), lambda: done.append("dropped"), done.append, limit=0.3)
    dog.start()
    end = time.monotonic() + 1
    while time.monotonic() < end:
        loop.turn(0)
        time.sleep(0.02)
    dog.stop()
    dog.join(2)
    assert not done


def test_manual_clock_wraps() -> None:
    clock = ManualClock(MASK)
    assert clock() == MASK
    assert clock.advance(3) == 2 == clock()
