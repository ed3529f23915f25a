"""Commands at the edges of a bus's schedule: what else must not be sent, and what must not be said."""

from __future__ import annotations

import pytest
from core_orders import Orders

from jkcore import modbus

CLOCK = 0x1612


def registers(house, address=1):
    """Registers of all writes that reached a pack."""
    return [write.register for write in house.written(address)]


def lose_one_reading(house):
    house.line.fault("silence", 1, only="settings", count=1)


@pytest.mark.parametrize(("field", "payload", "register", "status"), [
    ("set_clock", "180000000 CONFIRM 1", CLOCK, "ok"),
    ("balance_trigger_voltage", "0.015", 0x1014, "exception"),
])  # fmt: skip
def test_a_question_lost_before_a_write_is_not_asked_again_as_a_write(field, payload, register, status):
    """The schedule's retry once had the kind of the write, none: it went to register 0x1600, the calibration."""
    house = Orders()
    lose_one_reading(house)
    if status == "exception":
        house.line.fault("refuse", 1, count=1)
    result = house.order(f"1/set/{field}", payload)
    house.run(20)
    assert result[0]["status"] == status, result
    assert registers(house) == [register]


def test_no_request_is_made_of_a_frame_type_that_does_not_exist():
    """Its register would be 0x1600 + 0."""
    for kind in (0, 4, 7, 255):
        assert modbus.put_request(bytearray(16), 1, kind) == 0
