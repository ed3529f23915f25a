"""A pack with one frame, and its values as JSON, for tests on both interpreters."""

import json

import core_bytes as cb

from jkcore import payload
from jkcore.message import Message
from jkcore.pack import Pack

LIMIT = 2**30
# Offset, bytes, signed, decimals of live rows of every kind.
NUMBERS = (
    ("cell_voltage_1", 6, 2, False, 3), ("cell_voltage_16", 36, 2, False, 3),
    ("cell_wire_resistance_5", 88, 2, False, 3), ("mos_temperature", 144, 2, True, 1),
    ("pack_voltage", 150, 4, False, 3), ("current", 158, 4, True, 3), ("temperature_2", 164, 2, True, 1),
    ("balance_current", 170, 2, True, 3), ("soc", 173, 1, False, 0), ("capacity_remaining", 174, 4, True, 3),
    ("capacity_full", 178, 4, False, 3), ("cycle_count", 182, 4, False, 0), ("total_runtime", 194, 4, False, 0),
    ("timer_uvp_release", 210, 2, False, 0), ("heating_current", 236, 2, True, 3), ("system_ticks", 246, 4, False, 1),
    ("detail_log_count", 266, 4, False, 0),
)  # fmt: skip


def message():
    made = Message()
    made.start(False)
    made.body()
    return made


def text(made):
    return bytes(made.buf[made.topic_end : made.end]).decode()


def kept(frame, kind=cb.LIVE, firmware=0):
    one = Pack(b"1", 1, "one")
    if firmware:
        one.keep(cb.about(firmware), cb.ABOUT)
    one.keep(frame, kind)
    return one


def values(one, kind=cb.LIVE, decoding=False):
    """The JSON of a pack, parsed; checked to have every key once."""
    made = message()
    made.open()
    payload.put_values(made, one, kind, decoding)
    made.close()
    assert not made.overflow
    parsed = json.loads(text(made))
    assert text(made).count('":') == len(parsed), "a key twice"
    return parsed


def plain(value, decimals):
    """A scaled number as the text it must become."""
    sign = "-" if value < 0 else ""
    digits = str(abs(value))
    if not decimals:
        return sign + digits
    digits = "0" * (decimals + 1 - len(digits)) + digits
    return sign + digits[:-decimals] + "." + digits[-decimals:]
