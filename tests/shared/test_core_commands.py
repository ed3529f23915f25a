"""Commands on both interpreters: topic and payload in, the write on the bus, the read back, the result.

The faults of the line are in tests/test_core_orders.py; here is a pack of a few lines that does as it is told.
"""

import json
import sys

import core_bytes as cb
from core_bench import Bench

CONTROLS = 282


class Obedient(Bench):
    """Packs that take writes to their settings. deaf: they acknowledge and do nothing."""

    def __init__(self, packs, **more):
        self.kept = [bytearray(cb.settings(a)) for a in range(16)]
        self.writes = []
        self.deaf = False
        super().__init__(packs, self._tell, **more)
        self.run(8000)

    def _tell(self, address, kind):
        frame = cb.FRAMES[kind]() if kind != cb.SETTINGS else cb.seal(self.kept[address])
        return cb.unit(frame, address)

    def wrote(self, tx):
        register = tx[2] << 8 | tx[3]
        self.writes.append((tx[0], register, bytes(tx[7:-2])))
        if not self.deaf:
            self._store(self.kept[tx[0]], 6 + register - 0x1000, tx[7:-2])
        return cb.sealed(bytes(tx[:6]))

    def _store(self, frame, at, data):
        """Registers are big-endian, the frame is little-endian; of two bytes in one register the first is the high."""
        for i in range(len(data)):
            frame[at + i] = data[i] if len(data) == 2 and at != CONTROLS else data[len(data) - 1 - i]

    def order(self, topic, payload, ms=12000):
        self.bridge.received(topic.encode(), payload.encode(), False, False, self.now, True)
        self.run(ms)
        return [json.loads(m[2]) for m in self.messages if m[1].endswith("/result")]


def bench(writes="all", **more):
    pack = {"address": 1, "name": "One", "chemistry": "lfp"}
    return Obedient([1, 2], writes=writes, pack=[pack], **more)


def test_a_value_goes_in_and_comes_back():
    house = bench()
    result = house.order("jkbms/1/set/balance_trigger_voltage", "0.012")
    assert len(result) == 1 and result[0]["status"] == "ok" and result[0]["asked"] == result[0]["value"], result
    assert house.writes == [(1, 0x1014, b"\0\0\0\x0c")], house.writes
    assert json.loads(house.of("jkbms/1/settings")[-1])["balance_trigger_voltage"] == 0.012
    assert house.of("jkbms/2/result") == []


def test_a_negative_temperature_and_a_bit():
    house = bench()
    result = house.order("jkbms/1/set/charge_undertemperature_protection", "-25.5")
    assert result[-1]["status"] == "ok" or "must stay below" in result[-1]["reason"], result
    result = house.order("jkbms/1/set/lcd_always_on", "ON")
    assert result[-1]["status"] == "ok", result
    assert house.writes[-1][1] == 0x1114 and house.kept[1][CONTROLS] & 16, house.writes


def test_a_group_is_one_command():
    house = bench()
    result = house.order("jkbms/1/set", '{"balance_switch": "OFF", "balance_trigger_voltage": 0.02}', 20000)
    assert result[0]["status"] == "ok", result
    assert [f["status"] for f in result[0]["fields"]] == ["ok", "ok"]
    assert len(house.writes) == 2


def test_a_pack_that_only_acknowledges():
    house = bench()
    house.deaf = True
    result = house.order("jkbms/1/set/balance_switch", "ON", 25000)
    assert result[0]["status"] == "unchanged" and "RS485-1" in result[0]["reason"], result
    assert len(house.writes) == 1


def test_refusals_send_nothing():
    house = bench("safe")
    for topic, payload in (
        ("1/set/cell_overvoltage_protection", "3.61"), ("1/set/discharge_switch", "OFF CONFIRM 1"), ("1/set", "{"),
        ("1/set/balance_trigger_voltage", "0.0125"), ("1/set/no_such_field", "1"), ("9/set/balance_switch", "ON"),
        ("2/set/cell_request_charge_voltage", "3.45"),
    ):  # fmt: skip
        result = house.order("jkbms/" + topic, payload, 4000)
        assert result[-1]["status"] == "refused" and result[-1]["reason"], (topic, result)
    assert house.writes == []


def test_no_command_without_writes():
    house = bench("off")
    assert house.order("jkbms/1/set/balance_switch", "OFF", 4000) == []
    assert house.writes == []


def test_a_device_forgets_what_it_needed_for_a_command():
    house = bench()
    house.order("jkbms/1/set/balance_switch", "OFF")
    house.run(2000)
    if sys.implementation.name == "micropython":
        assert not [name for name in sys.modules if name.startswith("jkcore.writes")]
    assert house.order("jkbms/1/set/balance_switch", "ON")[-1]["status"] == "ok", "and it is there again when needed"
