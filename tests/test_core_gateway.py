"""Gateways on the core's side, with a clock of its own: silence, Modbus TCP, a second client, bytes that are lost."""

from __future__ import annotations

import random

import pytest
from core_house import House, gaps, good_live, say
from test_core_truth import compare

from jkcore import gateway as gw
from jkcore.gateway import Gateway

PORT = "tcp://10.0.0.2:8899"
MBAP = b"\x00\x01\x00\x00\x00\x03\x01\x90\x01"  # transaction 1, three bytes: unit 1, exception 1 to function 10


class Rig(House):
    """A house behind a gateway: when the bus wishes it, the connection is made anew, which takes a second.

    deaf: the connection is half-open, nothing comes and nothing is taken. away: nobody is there any more, nothing
    can be opened. Both end with `whole` openings.
    """

    def __init__(self, *args, **more) -> None:
        self.deaf = False
        self.openings: list[int] = []  # times of those the bus wished for
        self.heals = 0  # number of such openings that makes the connection good again
        super().__init__(*args, port=PORT, **more)

    def turn(self) -> None:
        if self.deaf:
            self.line.read(self.now)
            held, self.line.read, self.line.write = (self.line.read, self.line.write), lambda _: b"", lambda *_: None
            super().turn()
            self.line.read, self.line.write = held
        else:
            super().turn()
        if reason := self.bus.wants_reopen(self.now):
            assert self.bus.wants_reopen(self.now) == ""  # once is enough
            self.openings.append(self.elapsed)
            self.bus.closed(self.now, reason)
            self.elapsed += 1000
            if len(self.openings) == self.heals:
                self.deaf = False
            self.bus.opened(self.now)

    @property
    def faults(self) -> int:
        return self.bus.gateway.faults


def test_a_healthy_gateway_is_left_alone():
    house = Rig([1, 2, 3])
    house.run(1200)
    assert house.openings == []
    assert house.faults == 0
    assert house.warnings() == []
    assert house.payloads("jkbms/bridge/health")[-1]["bus"][0]["gateway"] == {"reopened": 0, "faults": []}


@pytest.mark.parametrize("interval", [0, 5, 30, 3600])
def test_with_any_interval_silence_is_noticed_only_when_something_was_asked(interval):
    house = Rig([1, 2], interval=interval)
    house.run(3 * 3600 if interval == 3600 else 600, step=50)
    assert house.openings == []
    house.deaf = True
    mark = house.elapsed
    # Settings are asked for once a minute, so even an hourly interval waits no hour.
    house.run(240, step=50)
    assert house.openings
    assert 30_000 <= house.openings[0] - mark < 110_000
    house.deaf = False
    house.run(60, step=50)
    assert all(pack.online for pack in house.packs.values())


def test_half_open_is_noticed_and_mended():
    house = Rig([1, 2, 3])
    house.run(60)
    house.deaf = True
    house.heals = 1
    mark = house.elapsed
    house.run(90)
    assert len(house.openings) == 1
    back = [good_live(house, a, mark + 10_000)[0].at - mark for a in (1, 2, 3)]
    print(f"half-open: back after {max(back) / 1000:.1f} s")
    assert max(back) < 40_000
    assert compare(house) > 30
    warned = [text for text in house.warnings() if PORT in text and "made anew" in text]
    assert len(warned) == 1
    assert "nothing has come over the network for 3" in warned[0]
    assert say(house, 20, PORT, "bytes come over the network again")
    assert house.faults == 0


def test_packs_that_are_switched_off_cost_one_opening_a_minute_and_one_sentence():
    house = Rig([1, 2])
    house.run(60)
    for slave in list(house.line.slaves.values()):
        house.line.remove(slave)
    mark = house.elapsed
    house.run(3600, step=50)
    assert min(gaps(house.openings)) >= 60_000
    assert 50 <= len(house.openings) <= 60
    assert house.openings[0] - mark < 45_000
    assert len([text for text in house.warnings() if "nothing has come over the network" in text]) == 1
    assert house.faults == gw.SILENT
    assert house.payloads("jkbms/bridge/health")[-1]["bus"][0]["gateway"]["faults"] == ["silent"]
    assert house.payloads("jkbms/bridge/health")[-1]["bus"][0]["gateway"]["reopened"] == len(house.openings)


@pytest.mark.parametrize("interval", [5, 30])
def test_the_verdict_outlives_the_openings(interval):
    """Opened again every minute, the line is still the same: the doctor sees it, and says so once in ten minutes."""
    house = Rig([1, 2], interval=interval)
    house.run(120)
    for slave in list(house.line.slaves.values()):
        house.line.remove(slave)
    house.run(1800, step=50)
    assert len(house.openings) > 20
    assert 1 <= len(say(house, 30, "no answer at address 1, 2, and nothing else is heard")) <= 4
    health = [payload["bus"][0] for payload in house.payloads("jkbms/bridge/health")[-60:]]
    assert all("no answer at address 1, 2" in bus["verdict"] for bus in health if bus["state"] != "closed")
    assert house.bus.evidence.overdue(house.bus, house.now) is False


def test_a_line_that_never_said_anything_is_tried_too():
    house = Rig([], polled=[1, 2])
    house.run(300, step=50)
    assert 3 <= len(house.openings) <= 6


def test_a_serial_port_wishes_nothing():
    house = House([1])
    house.line.remove(house.line.slaves[1])
    house.run(300, step=50)
    assert house.bus.gateway is None
    assert house.bus.wants_reopen(house.now) == ""
    assert "gateway" not in house.payloads("jkbms/bridge/health")[-1]["bus"][0]


class Told:
    """A Gateway alone and what it said."""

    def __init__(self) -> None:
        self.said: list[tuple[int, str]] = []
        self.gateway = Gateway(PORT, lambda level, text: self.said.append((level, text)))
        self.now = 0x3FFFF000
        self.gateway.opened(self.now)

    def wait(self, ms: int) -> None:
        self.now = (self.now + ms) & 0x3FFFFFFF

    def ask(self, answer: bytes = b"", good: bool = False) -> None:
        self.gateway.sent(self.now)
        self.wait(40)
        if answer:
            self.gateway.heard(answer, len(answer), self.now)
        if good:
            self.gateway.good(self.now)
        self.wait(1000)

    def warnings(self) -> list[str]:
        return [text for level, text in self.said if level >= 30]


def test_while_listening_silence_counts():
    told = Told()
    told.wait(59_900)
    assert told.gateway.wants_reopen(False, told.now) == ""  # nobody has ever talked here: that may be so
    told.wait(200)
    assert told.gateway.wants_reopen(False, told.now), "or the connection was dead from the beginning"
    told = Told()
    told.gateway.heard(b"xyz", 3, told.now)
    told.wait(29_900)
    assert told.gateway.wants_reopen(False, told.now) == ""
    told.wait(200)
    assert "30 s" in told.gateway.wants_reopen(False, told.now)
    for _ in range(3):
        told.gateway.closed(told.now)
        told.gateway.opened(told.now)
        told.wait(59_900)
        assert told.gateway.wants_reopen(False, told.now) == ""
        told.wait(200)
        assert told.gateway.wants_reopen(False, told.now)
    assert told.gateway.reopened == 4
    assert len(told.warnings()) == 1


def test_modbus_tcp_is_named_once():
    for size in (1, 4, 99):
        told = Told()
        for n in range(10):
            told.gateway.sent(told.now)
            for at in range(0, len(MBAP), size):
                told.gateway.heard(MBAP[at : at + size], len(MBAP[at : at + size]), told.now)
            told.wait(1000)
            assert (told.gateway.faults == gw.MODBUS_TCP) == (n >= 3)
        assert len(told.warnings()) == 1
        assert "Modbus TCP" in told.warnings()[0]
        assert "transparent" in told.warnings()[0]
        told.ask(b"U" * 308, good=True)
        assert told.gateway.faults == 0  # somebody has set it right


def test_modbus_tcp_is_named_by_the_whole_bridge():
    house = Rig([1])
    house.line.remove(house.line.slaves[1])
    house.run(5)
    while house.elapsed < 120_000:
        asked = len(house.requests)
        house.turn()
        if len(house.requests) > asked:
            house.bus.feed(MBAP, len(MBAP), house.now)
        house.elapsed += 20
    assert house.faults & gw.MODBUS_TCP
    assert len(say(house, 30, PORT, "answers in Modbus TCP")) == 1


def test_other_answers_are_no_modbus_tcp():
    echo = b"\x01\x10\x16\x20\x00\x01\x02\x00\x00\xd6\xf1"
    for answer in (b"\0" * 9, echo, MBAP + b"x", MBAP[:-1], b"\x55\xaa\xeb\x90" + bytes(304), b"\0"):
        told = Told()
        for _ in range(20):
            told.ask(answer)
        assert told.gateway.faults & gw.MODBUS_TCP == 0, answer


def test_a_connection_that_ends_after_every_request_is_named():
    told = Told()
    for n in range(6):
        told.wait(2500)
        told.gateway.sent(told.now)
        told.wait(30)
        told.gateway.closed(told.now)
        assert (told.gateway.faults == gw.HANGS_UP) == (n >= 2)
        told.wait(1000)
        told.gateway.opened(told.now)
    assert len(told.warnings()) == 1
    assert "closes the connection each time a pack is asked" in told.warnings()[0]
    told.ask(b"U" * 308, good=True)
    assert told.gateway.faults == 0


def test_connections_that_end_for_other_reasons_are_not_blamed_on_modbus():
    for answer, pause in ((b"U" * 308, 100), (b"", 10_000)):  # after an answer; of themselves, later
        told = Told()
        for _ in range(10):
            told.ask(answer)
            told.wait(pause)
            told.gateway.closed(told.now)
            told.gateway.opened(told.now)
        assert told.gateway.faults == 0
    told = Told()
    for _ in range(10):  # another client is thrown out by us, we by it, before anything was asked
        told.wait(1000)
        told.gateway.closed(told.now)
        told.gateway.opened(told.now)
    assert told.gateway.faults == 0
    told = Told()
    for _ in range(10):  # our own closing is nobody's fault
        told.ask()
        told.ask()
        told.wait(60_000)
        assert told.gateway.wants_reopen(True, told.now)
        told.gateway.closed(told.now)
        told.gateway.opened(told.now)
    assert told.gateway.faults == gw.SILENT


def test_a_second_client_is_named():
    """Of it the answers are heard, not the requests: the gateway sends what comes from the line to everybody."""
    house = Rig([1, 2, 3, 4], polled=[1, 2])
    house.run(30)
    other = house.line.host("second client")
    heard = house.line.read
    from core_bytes import LIVE, request

    mark = house.elapsed
    while house.elapsed < mark + 60_000:
        house.run(3)
        data = request(3 if house.elapsed % 2 else 4, LIVE)
        other.write(data, house.now)
        # The request itself is not sent back to other clients.
        house.line.read = lambda now, data=data: heard(now).replace(data, b"")
    assert house.faults & gw.SHARED
    said = say(house, 30, PORT, "second program")
    assert len(said) == 1
    # The sentence about foreign frames names that too, at its first.
    assert "a second program connected to its gateway" in say(house, 30, "nobody here asked for")[0]


def test_a_master_on_the_line_is_no_second_client():
    told = Told()
    for n in range(60):
        told.gateway.foreign(True, 1 + n % 3, told.now)
        told.gateway.foreign(False, 1 + n % 3, told.now)
    for _ in range(60):
        told.gateway.foreign(False, 0, told.now)  # it tells its own values unasked
    assert told.gateway.faults == 0
    for _ in range(3):
        told.gateway.foreign(False, 2, told.now)
    assert told.gateway.faults == gw.SHARED
    told.wait(30_000)
    told.ask(b"U" * 308, good=True)
    assert told.gateway.faults == gw.SHARED
    told.wait(40_000)
    told.ask(b"U" * 308, good=True)
    assert told.gateway.faults == 0


class Losing:
    """Removes this share of the bytes that come over the line."""

    def __init__(self, house: House, share: float) -> None:
        self.random = random.Random(5)
        self.share = share
        self.lost = 0
        self.read = house.line.read
        house.line.read = self

    def __call__(self, now: int) -> bytes:
        data = self.read(now)
        kept = bytes(byte for byte in data if self.random.random() >= self.share)
        self.lost += len(data) - len(kept)
        return kept


@pytest.mark.parametrize(("share", "named"), [(0.0, False), (0.00001, False), (0.001, True), (0.01, True)])
def test_lost_bytes_are_named_and_nothing_wrong_is_published(share, named):
    house = Rig([1, 2, 3])
    losing = Losing(house, share)
    house.run(280)
    published = compare(house)
    print(f"{share:.3%} of the bytes lost ({losing.lost}): {published} live messages, all true")
    assert bool(house.faults & gw.LOSSY) == named
    assert len(say(house, 30, PORT, "of the last 30 answers", "loses bytes")) == named
    assert len(say(house, 30, PORT, "loses bytes")) <= 2, "and the doctor, once"
    assert house.openings == []
    losing.share = 0.0
    mark = house.elapsed
    house.run(30)
    back = [good_live(house, a, mark)[0].at - mark for a in (1, 2, 3)]
    print(f"then all back after {max(back) / 1000:.1f} s")
    assert max(back) < 30_000
    house.run(200)
    assert house.faults == 0


@pytest.mark.parametrize("how", ["bytes", "bursts", "stalls"])
def test_any_chunking_is_harmless(how):
    """One byte at a time; 2 kB at once, or what came within 0.7 s; nothing for 30 s, then everything."""
    house = Rig([1, 2, 3])
    read = house.line.read
    held = bytearray()
    first = 0
    feed = house.bus.feed

    def gated(now: int) -> bytes:
        nonlocal first
        first = first if held else house.elapsed
        held.extend(read(now))
        stalled = 30_000 <= house.elapsed % 90_000 < 60_000
        waits = how == "bursts" and len(held) < 2048 and house.elapsed - first < 700
        if waits or (how == "stalls" and stalled):
            return b""
        data = bytes(held)
        held.clear()
        return data

    def bytewise(data: bytes, count: int, now: int) -> None:
        for n in range(count):
            feed(data[n : n + 1], 1, now)

    house.line.read = gated
    if how == "bytes":
        house.bus.feed = bytewise
    house.run(280)
    assert compare(house) > 60
    assert all(pack.online for pack in house.packs.values())
    print(f"{how}: {compare(house)} live messages, all true, {len(house.openings)} openings")
