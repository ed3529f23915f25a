"""The doctor in a running bridge, on both interpreters: its verdict in the log and in bridge/health."""

import json

import core_bytes as cb
from core_bench import Bench, healthy

from jkcore import doctor, overheard, verdicts


class Heard(Bench):
    """A bench on which somebody else says `data` every `every` ms; listening: the bus only listens."""

    def __init__(self, packs, data=b"", every=1000, listening=False, answer=healthy, **more):
        Bench.__init__(self, packs, answer, **more)
        self.data = data
        self.every = every
        self.bus.accept_unasked = listening

    def turn(self):
        if self.data and self.ms % self.every == 0:
            self.bus.feed(self.data, len(self.data), self.now)
        Bench.turn(self)

    def health(self):
        return json.loads(self.of("jkbms/bridge/health")[-1])["bus"][0]

    def verdicts(self):
        """Log lines of the doctor: they name the port first."""
        return [text for _, level, text in self.said if level == 30 and text.startswith("/dev/ttyUSB0: ")]


def nobody(address, kind):
    return b""


def found(bench):
    return [verdicts.word(finding[0]) for finding in doctor.examine(bench.bus)]


def test_a_healthy_bus_has_no_verdict():
    for interval, ms in ((0, 25000), (5, 60000), (60, 200000)):
        bench = Heard([1, 2], interval=interval)
        for _ in range(ms // 1000):
            bench.run(1000)
            del bench.messages[:-200]  # MicroPython's heap is small and becomes a sieve
        assert bench.verdicts() == [], interval
        assert "verdict" not in bench.health()


def test_silence_is_said_after_20_seconds_and_not_again_for_10_minutes():
    bench = Heard([1, 2], answer=nobody).run(19500)
    assert bench.verdicts() == []
    bench.run(1000)
    assert len(bench.verdicts()) == 1
    assert "no answer at address 1, 2" in bench.verdicts()[0]
    assert "swap A and B" in bench.verdicts()[0]
    bench.run(30000)
    assert bench.health()["verdict"] == "no answer at address 1, 2, and nothing else is heard"
    bench.run(540000)
    assert len(bench.verdicts()) == 1
    bench.run(120000)
    assert len(bench.verdicts()) == 2


def test_the_verdict_goes_when_frames_come_and_comes_back_when_they_stop():
    bench = Heard([1], answer=nobody).run(40000)
    assert "verdict" in bench.health()
    bench.answer = healthy
    bench.run(60000)
    assert "verdict" not in bench.health()
    bench.answer = nobody
    bench.run(60000)
    assert "verdict" in bench.health()
    assert len(bench.verdicts()) == 2


def test_a_closed_port_has_a_reason_and_no_verdict():
    bench = Heard([1], answer=nobody).run(40000)
    bench.bus.closed(bench.now, "the cable was pulled")
    bench.run(60000)
    assert "verdict" not in bench.health()
    assert bench.health()["reason"] == "the cable was pulled"
    assert len(bench.verdicts()) == 1


def test_a_verdict_that_changes_is_said_again():
    bench = Heard([1], answer=nobody).run(40000)
    bench.answer = lambda address, kind: healthy(address, kind)[:200]
    bench.run(90000)
    assert "damaged" in bench.health()["verdict"]
    assert len(bench.verdicts()) == 2


def test_a_loop_that_stood_still_is_no_silent_bus():
    bench = Heard([1]).run(20000)
    bench.now = (bench.now + 300000) & 0x3FFFFFFF
    bench.run(20000)
    assert bench.verdicts() == []


def test_a_master_beside_role_poll():
    master = cb.unit(cb.live(), 0)
    cycle = b"".join([cb.request(a, cb.LIVE) for a in range(1, 16)]) + master
    bench = Heard([1], cycle, 1500, bus={"port": "/dev/ttyUSB0", "packs": [1], "role": "poll"}).run(60000)
    assert "role is poll" in bench.health()["verdict"]
    assert bench.requests == []


def test_what_else_is_heard():
    inverter = cb.sealed(bytes((5, 4, 0, 0, 0, 2)))
    for data, word in (
        (b"NW\x00\x13" + bytes(17), "protocol_4e57"),
        (b"~20024642E00202FD33\r", "protocol_pylontech"),
        (inverter, "protocol_modbus"),
        (cb.request(3, cb.LIVE), "only_requests"),
        (b"\xff" * 9, "swapped_or_noise"),
        (bytes(9), "swapped_or_slower"),
        (b"\xfd\xdf\xd3\xbf\xff\xfd\xfb\xff\xff\x53", "swapped"),
        (b"\x00\xe0\x00\xfc\xf0\x80", "slower_line"),
        (b"\x13\x57\x9a\x02\x44\xce\x6d", "noise"),
    ):
        bench = Heard([1], data, 1000, listening=True).run(15000)
        assert found(bench)[0] == word, (data, found(bench))
        bench.run(20000)
        assert bench.requests == []
        assert bench.verdicts() == [], "a recording may hold anything"
        bench = Heard([1], data, 1000).run(40000)
        assert bench.requests == []
        assert bench.health()["verdict"] == verdicts.text(doctor.examine(bench.bus)[0]), word


def test_listening_to_recordings_is_healthy():
    names = cb.names("bus_")
    cb.need("INDEX.md")
    for name in names:
        data = cb.read(name)
        bench = Heard([1], listening=True)
        at = 0
        while at < len(data):
            piece = data[at : at + 64]
            bench.bus.feed(piece, len(piece), bench.now)
            bench.run(20)
            at += 64
        bench.run(1500)
        assert verdicts.healthy(doctor.examine(bench.bus)[0]), (name, found(bench))


def test_every_code_has_its_words():
    words = [verdicts.word(code) for code in range(verdicts.HEARD_AT + 1)]
    assert len(set(words)) == verdicts.HEARD_AT + 1
    for code in range(verdicts.HEARD_AT + 1):
        try:
            text = verdicts.text([code, 15, 999, 9999])
        except TypeError:  # addresses as text
            text = verdicts.text([code, "1, 3, 5, 7, 9, 11, 13, 15"])
        assert 0 < len(text) <= verdicts.SHORT, code
        assert "|" not in text + verdicts.advice(code) and "%" not in text
        if not verdicts.healthy([code]):
            assert verdicts.advice(code), words[code]


def test_health_with_the_longest_verdict_fits_512_bytes():
    """Another bridge reads it, and takes in no more."""
    bench = Heard([1], answer=nobody).run(40000)
    bus = bench.bus
    bus.evidence.verdict = "x" * verdicts.SHORT
    bus.bytes_in = bus.frames = bus.garbage = bus.openings = 0x3FFFFFFF
    for i in range(len(bus.rejects)):
        bus.rejects[i] = 99999
    bus.poller.foreign = bus.poller.echoes = 99999
    bench.bridge.measured(999999, 99999, 99999)
    bench.run(11000)
    assert len(bench.of("jkbms/bridge/health")[-1]) <= 512


def test_the_sample_keeps_the_last_bytes_in_order():
    bench = Heard([1], listening=True)
    evidence = bench.bus.evidence
    sent = b""
    for length in (1, 7, 40, 47, 3, 96, 97, 250, 5):
        piece = bytes([(len(sent) + i) & 0x7F for i in range(length)])
        sent += piece
        evidence.heard(piece, length)
        assert doctor.recent(evidence) == sent[-96:], length


def test_another_protocol_is_found_wherever_it_begins():
    read = cb.sealed(bytes((7, 3, 0, 1, 0, 2)))
    for at in range(80):
        assert overheard.what(b"\xf7" * at + read)[0] == overheard.RTU
        assert overheard.what(b"\xf7" * at + b"~20024642E002\r")[0] == overheard.PYLONTECH
