"""Recorded buses with a JK master: every frame is booked to its pack, and none to a pack that is not there.

Runs on CPython and, by tests/run_mp.py, on MicroPython.
"""

import json

import core_bytes as cb
from core_bench import Bench

MASTERS = "bus_"


def owners(data):
    """(address, kind, tenths of seconds it counts) of every frame with an ack behind it, found the plain way."""
    out = []
    at = data.find(cb.MAGIC)
    while at >= 0:
        frame = data[at : at + 300]
        ack = data[at + 300 : at + 308]
        if len(ack) == 8 and sum(frame[:299]) & 255 == frame[299] and cb.sealed(ack[:6]) == ack:
            ticks = frame[246] | frame[247] << 8 | frame[248] << 16 | frame[249] << 24
            out.append((ack[0], frame[4], ticks if frame[4] == cb.LIVE else 0))
        at = data.find(cb.MAGIC, at + 1)
    return out


def listening(role, chunk, data):
    bench = Bench(None, role=role, interval=5)
    bench.run(1500)
    bench.hear(data, chunk)
    bench.turn()
    return bench


def check(role, chunk):
    for name in cb.names(MASTERS):
        data = cb.read(name)
        wanted = owners(data)
        bench = listening(role, chunk, data)
        assert bench.requests == [], name
        live = []
        for m in bench.messages:
            if m[1].endswith("/live"):
                told = (int(m[1].split("/")[1]), json.loads(m[2])["system_ticks"])
                if told not in live:  # states are told twice behind a connect
                    live.append(told)
        assert len(live) == len([w for w in wanted if w[1] == cb.LIVE]), name
        for told, (address, _, ticks) in zip(live, [w for w in wanted if w[1] == cb.LIVE]):
            assert told[0] == address, name
            assert abs(told[1] * 10 - ticks) < 2, name
        heard = set([w[0] for w in wanted])
        assert set([pack.address for pack in bench.bridge.packs]) == heard, name
        for pack in bench.bridge.packs:
            assert pack.counts[1] == len([w for w in wanted if w[0] == pack.address]), name
            settings = bench.of("jkbms/%d/settings" % pack.address)
            assert not settings or json.loads(settings[-1])["device_address"] == pack.address, name


def test_recorded_buses_are_booked_right_in_role_listen():
    check("listen", 308)


def test_recorded_buses_are_booked_right_in_role_auto_in_small_pieces():
    check("auto", 7)


def test_a_master_alone_is_pack_0():
    cb.need("bus_1pack_master_alone_excerpt_v1420.hex")
    bench = listening("auto", 64, cb.read("bus_1pack_master_alone_excerpt_v1420.hex"))
    assert [pack.address for pack in bench.bridge.packs] == [0]


def test_a_slave_that_moved_from_1_to_3_is_two_packs_and_the_old_one_goes_stale():
    cb.need("bus_2packs_slave_dip_changed_1_to_3_v1420.hex")
    data = cb.read("bus_2packs_slave_dip_changed_1_to_3_v1420.hex")
    bench = listening("listen", 64, data)
    assert sorted([pack.address for pack in bench.bridge.packs]) == [0, 1, 3]
    bench.run(60000)
    assert bench.of("jkbms/1/availability")[-1] == "offline"


def test_a_live_frame_without_ack_is_nobodys():
    bench = listening("listen", 64, bytes(cb.live()) + bytes(40) + bytes(cb.live()) + bytes(40))
    bench.run(3000)
    assert bench.bridge.packs == []


def test_a_frame_of_pack_16_is_nobodys():
    frame = bytes(cb.live())
    bench = listening("listen", 64, 3 * (frame + cb.sealed(b"\x10\x10\x16\x20\x00\x01")))
    bench.run(3000)
    assert bench.bridge.packs == []
