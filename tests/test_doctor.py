"""The doctor: situations users meet, each with its verdict; and that it never disturbs a line of somebody else."""

from __future__ import annotations

import random
from collections.abc import Callable

import core_bytes as cb
import pytest
import recordings
from doctor_rig import Rig, again, noise, paced, requests, uart

from jkbridge.doctor import proposal
from jkbridge.simulator import Battery, Line, Slave, make_line
from jkcore import doctor, evidence, overheard, verdicts

MBAP = bytes.fromhex("00 01 00 00 00 06 01 03 00 00 00 0A")
OLD_JK = bytes.fromhex("4E 57 00 13 00 00 00 00 06 03 00 00 00 00 00 00 68 00 00 01 29")
PYLONTECH = b"~20024642E00202FD33\r"
READ_INVERTER = cb.sealed(bytes.fromhex("01 04 00 00 00 7D"))
LIVE = lambda address: cb.request(address, cb.LIVE)  # noqa: E731


GATEWAY = "tcp://10.0.0.9:8899"


def packs(*addresses: int, **more: object) -> Line:
    return make_line(addresses, paced=True, latency_ms=(10, 20), stories=((),), **more)  # type: ignore[arg-type]


def faulty(*addresses: int, faults: list[tuple], **more: object) -> Line:
    line = packs(*addresses, **more)
    for kind, address, how in faults:
        line.fault(kind, address, **how)
    return line


def twins(*addresses: int) -> Line:
    """Two packs at address 1, and good ones."""
    line = packs(*addresses)
    line.add(Slave(1, Battery(seed=7)))
    return line


def late_twins() -> Line:
    """Two packs at address 1 that answer one after the other."""
    line = packs()
    line.add(Slave(1, Battery(seed=1), latency_ms=(10, 10)))
    line.add(Slave(1, Battery(seed=2), latency_ms=(60, 60)))
    return line


def late_master() -> Line:
    """A master that is switched on 13 s after the doctor began."""
    line = packs(1, 2, master="14.20")
    assert line.master is not None
    line.master.off()
    line.after(13_000_000_000, line.master.on)
    return line


def muted_master() -> Line:
    line = packs(1, 2, master="14.20")
    line.fault("silence")
    return line


def codes(rig: Rig) -> list[str]:
    result = rig.examine()
    assert not result.failure
    return [verdicts.word(finding[0]) for finding in result.findings]


def bus_like(name: str) -> list[tuple[int, bytes]]:
    return paced(cb.read(name))


# name: (rig, verdict, further findings that must be there, may bytes have been sent)
S: dict[str, tuple[Callable[[], Rig], str, tuple[str, ...], bool]] = {
    # packs that answer
    "three packs": (lambda: Rig(packs(1, 2, 3)), "ok_polling", (), True),
    "fifteen packs": (lambda: Rig(packs(*range(1, 16))), "ok_polling", (), True),
    "old firmware": (lambda: Rig(packs(1, 2, firmware="14.20")), "ok_polling", (), True),
    "ten bytes of padding": (lambda: Rig(faulty(1, faults=[("padding", None, {})])), "ok_polling", (), True),
    "adapter with an echo": (lambda: Rig(faulty(1, faults=[("echo", None, {})])), "ok_polling", ("echo",), True),
    "slow answers": (lambda: Rig(faulty(1, faults=[("delay", None, {"amount": 300})])), "ok_polling", (), True),
    "a few errors": (lambda: Rig(faulty(1, faults=[("corrupt", None, {"count": 1, "start": 20})])), "ok_polling",
                     ("few_errors",), True),
    "many errors of one pack": (lambda: Rig(faulty(1, 2, faults=[("corrupt", 2, {"rate": 0.3})])), "error_rate",
                                ("ok_polling",), True),
    "one pack of two is off": (lambda: Rig(packs(1), configured=[1, 2]), "some_silent", ("ok_polling",), True),
    "packs nobody configured": (lambda: Rig(packs(1, 2, 5), configured=[1, 2]), "ok_polling", (), True),
    # nobody answers
    "nothing connected": (lambda: Rig(packs()), "silent", ("wrong_jack",), True),
    "nothing connected, all configured": (lambda: Rig(packs(), configured=[1, 2]), "silent", ("wrong_jack",), True),
    "no asking": (lambda: Rig(packs(1), may_ask=False), "no_bytes", ("not_asked",), False),
    "only an echo": (lambda: Rig(faulty(faults=[("echo", None, {})])), "echo_only", ("wrong_jack",), True),
    "half an echo": (lambda: Rig(faulty(faults=[("echo", None, {"amount": 7})])), "echo_only", (), True),
    "packs are deaf": (lambda: Rig(faulty(1, faults=[("deaf", None, {})])), "silent", (), True),
    "gateway, nobody behind": (lambda: Rig(packs(), port="tcp://10.0.0.9:8899", speeds=False), "silent",
                               ("gateway_settings",), True),
    "gateway, a pack on a bad cable": (lambda: Rig(faulty(1, 2, faults=[("corrupt", 2, {"rate": 0.75})]), port=GATEWAY),
                                       "error_rate", ("ok_polling", "gateway_settings"), True),
    "gateway that loses bytes": (lambda: Rig(faulty(1, 2, 3, 4, faults=[("drop", None, {"rate": 0.4})]), port=GATEWAY),
                                 "gateway_drops_bytes", ("ok_polling",), True),
    "gateway, two packs at one address": (lambda: Rig(twins(1), port=GATEWAY), "damaged",
                                          ("two_packs_suspected", "gateway_settings"), True),
    "a pack at 9600 baud": (lambda: Rig(packs(1), baud=9600), "other_baud", ("ok_polling",), True),
    # answers that are no use
    "all answers cut": (lambda: Rig(faulty(1, faults=[("truncate", None, {})])), "damaged", (), True),
    "two packs at one address": (lambda: Rig(twins(1)), "damaged", ("two_packs_suspected",), True),
    "two at one address, one good": (lambda: Rig(twins(1, 3)), "two_packs_suspected", ("ok_polling",), True),
    "two answers to one request": (lambda: Rig(late_twins()), "two_packs", (), True),
    "no acks": (lambda: Rig(faulty(1, faults=[("no_ack", None, {})])), "no_acks", (), True),
    # a master
    "master 14.20": (lambda: Rig(packs(1, 2, master="14.20")), "ok_listening", ("master_slow",), False),
    "master 15.41": (lambda: Rig(packs(1, 2, 3, master="15.41")), "ok_listening", ("master_fast",), False),
    "master 19.27": (lambda: Rig(packs(*range(1, 16), master="19.27")), "ok_listening", ("master_fast",), False),
    "master with junk": (lambda: Rig(packs(1, 2, master="15.41", junk=True)), "ok_listening", (), False),
    "master alone": (lambda: Rig(packs(master="14.20")), "master_alone", (), False),
    "master and a bad pack": (lambda: Rig(faulty(1, 2, master="15.41", faults=[("corrupt", 2, {"rate": 0.5})]),
                                          seconds=60), "error_rate|damaged_frames", ("ok_listening",), False),
    "master's slaves out of reach": (lambda: Rig(muted_master()), "only_requests", (), False),
    # others who ask
    "another bridge asks": (lambda: Rig(packs(1, 2), others=requests([1, 2], 2500, LIVE)), "ok_overhearing", (), False),
    "another bridge begins while we ask": (lambda: Rig(packs(1, 2), others=requests([1, 2], 2500, LIVE, first=13_000)),
                                           "ok_overhearing", (), True),
    "a master is switched on while we ask": (lambda: Rig(late_master()), "ok_listening", (), True),
    "role poll beside a master": (lambda: Rig(packs(1, master="14.20"), role="poll"), "master_but_role_poll",
                                  ("ok_listening",), False),
    "requests of another bridge": (lambda: Rig(script=requests([1, 2], 2500, LIVE)), "only_requests", (), False),
    "answers and requests of another": (lambda: Rig(script=again(LIVE(3) + cb.unit(cb.live(), 3), 5000)),
                                        "ok_overhearing", (), False),
    # bytes of something else
    "noise": (lambda: Rig(script=noise()), "noise", ("not_asked",), False),
    "one byte": (lambda: Rig(script=[(4000, b"\x42")]), "noise", ("not_asked",), False),
    "runs of FF": (lambda: Rig(script=again(b"\xff" * 9, 400)), "swapped_or_noise", (), False),
    "runs of 00": (lambda: Rig(script=again(bytes(9), 400)), "swapped_or_slower", (), False),
    "old JK protocol": (lambda: Rig(script=again(OLD_JK, 1000)), "protocol_4e57", (), False),
    "Pylontech": (lambda: Rig(script=again(PYLONTECH, 1000)), "protocol_pylontech", (), False),
    "Pylontech at 9600": (lambda: Rig(script=again(PYLONTECH, 1000), baud=9600), "protocol_pylontech",
                          ("heard_at",), False),
    "an inverter reads its meter": (lambda: Rig(script=again(READ_INVERTER, 1000)), "protocol_modbus", (), False),
    "an inverter at 9600": (lambda: Rig(script=again(READ_INVERTER, 1000), baud=9600), "protocol_modbus",
                            ("heard_at",), False),
    "requests at 57600": (lambda: Rig(script=requests(range(1, 16), 400, LIVE), baud=57600), "other_baud",
                          ("only_requests",), False),
    "requests at 38400": (lambda: Rig(script=requests(range(1, 16), 400, LIVE), baud=38400), "other_baud",
                          ("only_requests",), False),
    "A and B swapped beside a master": (lambda: Rig(packs(1, master="14.20"), swapped=True), "swapped", (), False),
    "Modbus-TCP gateway": (lambda: Rig(script=again(MBAP, 1000), port="tcp://10.0.0.9:502", speeds=False),
                           "gateway_modbus_tcp", (), False),
}  # fmt: skip


@pytest.mark.parametrize("name", S)
def test_situation(name: str) -> None:
    make, verdict, further, may_send = S[name]
    rig = make()
    found = codes(rig)
    assert found[0] in verdict.split("|"), found
    assert set(further) <= set(found), found
    assert bool(rig.sent) == may_send, rig.sent[:3]
    assert rig.ms < 120_000, "nobody waits for longer"
    for _, _, data in rig.sent:
        assert data in {cb.request(a, kind) for a in range(1, 16) for kind in (cb.LIVE, cb.SETTINGS, cb.ABOUT)}


def with_acks() -> list[str]:
    """Recordings with JK frames and acks behind them: all healthy."""
    try:
        names = cb.names()
    except recordings.SkipTest:
        return []
    out = []
    for name in names:
        data = cb.read(name)
        behind = [data[data.find(frame) + 301 : data.find(frame) + 303] for frame in cb.frames_in(data)]
        if b"\x10\x16" in behind:
            out.append(name)
    return out


@pytest.mark.parametrize("name", with_acks())
def test_no_healthy_recording_gets_a_fault(name: str) -> None:
    rig = Rig(script=paced(cb.read(name)))
    result = rig.examine()
    assert verdicts.healthy(result.findings[0]), [verdicts.word(f[0]) for f in result.findings]
    assert rig.sent == []
    bus = proposal.propose("/dev/ttyUSB0", result)
    assert bus == {"port": "/dev/ttyUSB0", "role": "listen"}


@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        ("computed_requests_and_acks.hex", "only_requests"),
        ("modbus_fc03_reads_bms_to_inverter179.hex", "protocol_modbus"),
        ("modbus_switch_writes_v1541.hex", "protocol_modbus"),
        ("modbus_alarm_read_none_v1541.hex", "protocol_modbus"),
    ],
)
def test_recordings_of_something_else(name: str, verdict: str) -> None:
    cb.need(name)
    rig = Rig(script=paced(cb.read(name)))
    assert codes(rig)[0] == verdict
    assert rig.sent == []


# Nothing is sent where somebody else is heard


@pytest.mark.parametrize("at", [200, 3000, 9900])
@pytest.mark.parametrize("data", [b"\x00", b"\xff\x12", LIVE(1), b"\x01\x03"])
def test_any_byte_before_asking_forbids_it(at: int, data: bytes) -> None:
    rig = Rig(packs(1), script=[(at, data)])
    found = codes(rig)
    assert rig.sent == []
    assert "not_asked" in found


@pytest.mark.parametrize("at", [10_500, 11_990, 12_050, 13_333, 15_000])
@pytest.mark.parametrize("data", [b"\x7e\x01\x02\x03\x04\x05\x06", READ_INVERTER, LIVE(3), b"\xff" * 40])
def test_a_stranger_while_asking_ends_it(at: int, data: bytes) -> None:
    """Somebody begins to talk, every 3 s, after the doctor took the line for silent. It stops with the first burst;
    only a request that is just like the one sent a moment ago passes for its echo, until it comes again."""
    script = again(data, 3000, start=at)
    rig = Rig(packs(), script=script)
    result = rig.examine()
    assert not verdicts.healthy(result.findings[0])
    limit = at + 3020 if data == LIVE(3) else at + 900
    assert [ms for ms, _, _ in rig.sent if ms > limit] == []


def test_a_master_switched_on_while_asking_hears_nothing_more_from_us() -> None:
    line = late_master()
    rig = Rig(line)
    rig.examine()
    first = 13_000
    assert [ms for ms, _, _ in rig.sent if ms > first + 20] == []
    assert line.lost_requests <= 1


def test_listening_only_never_sends() -> None:
    rig = Rig(packs(1, 2), may_ask=False, seconds=60)
    assert codes(rig)[0] == "no_bytes"
    assert rig.sent == []


# The port


def test_a_port_that_cannot_be_opened() -> None:
    result = Rig(port_fails="/dev/ttyUSB0 does not exist. Trying again.").examine()
    assert result.failure == "/dev/ttyUSB0 does not exist."
    assert not result.vanished


def test_a_port_that_vanishes() -> None:
    result = Rig(packs(1), port_fails="/dev/ttyUSB0 has vanished", fails_at=15_000).examine()
    assert "vanished" in result.failure
    assert result.vanished


# What a UART makes of other speeds and swapped wires

STREAMS = {
    "requests": b"".join(LIVE(a) for a in range(1, 9)),
    "inverter": READ_INVERTER * 10,
    "ascii": PYLONTECH * 5,
}


@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize("baud", [9600, 19200, 38400, 57600])
@pytest.mark.parametrize("stream", STREAMS)
def test_a_slower_line_is_recognised(stream: str, baud: int, eager: bool) -> None:
    heard = uart(STREAMS[stream], baud, 115200, eager=eager)
    assert overheard.what(heard[-96:])[0] in (overheard.SLOWER, overheard.ZEROS), heard.hex(" ")


@pytest.mark.parametrize("eager", [False, True])
def test_swapped_wires_are_recognised(eager: bool) -> None:
    heard = b"".join(uart(LIVE(a), 115200, 115200, True, eager) for a in range(1, 9))
    assert overheard.what(heard[-96:])[0] == overheard.SWAPPED, heard.hex(" ")
    frame = uart(bytes(cb.live()), 115200, 115200, True, eager)
    assert overheard.what(frame[-96:])[0] == overheard.MAYBE_SWAPPED, frame.hex(" ")


def test_the_model_of_the_uart_reads_what_is_meant_for_it() -> None:
    data = bytes(range(256))
    assert uart(data, 115200, 115200) == data
    assert uart(data, 9600, 9600, eager=True) == data


def test_random_bytes_are_noise() -> None:
    for seed in range(300):
        assert overheard.what(random.Random(seed).randbytes(96))[0] == overheard.NOISE


def test_jk_traffic_itself_is_never_taken_for_another_protocol() -> None:
    for a in range(16):
        for kind in (cb.LIVE, cb.SETTINGS, cb.ABOUT):
            said = overheard.what(bytes(cb.FRAMES[kind]())[100:196])[0]
            assert said not in (overheard.SWAPPED, overheard.OLD_JK, overheard.PYLONTECH, overheard.RTU), (a, kind)


def test_the_names_of_the_counts_are_the_same_in_both_modules() -> None:
    for name in ["FAST", "SLOW", "NO_ACK", "OTHER", "BYTES", "GARBAGE", "DAMAGED", "ECHOES", "REQUESTS", "ANSWERS"]:
        assert getattr(doctor, name) == getattr(evidence, f"_{name}"), name
