"""Text without heap: numbers, masks, JSON; and the longest messages fit the buffer."""

import json

import core_bytes as cb
from core_values import LIMIT, NUMBERS, kept, message, plain, text, values

from jkcore import events, payload
from jkcore.message import Message
from jkcore.pack import Pack


def test_fixed_point_numbers():
    for value, decimals, wanted in (
        (0, 0, "0"), (0, 3, "0.000"), (5, 3, "0.005"), (-5, 3, "-0.005"), (53274, 3, "53.274"), (-1, 0, "-1"),
        (10, 1, "1.0"), (-2000, 1, "-200.0"), (LIMIT - 1, 0, "1073741823"), (-(LIMIT - 1), 3, "-1073741.823"),
        (LIMIT - 1, 1, "107374182.3"), (100, 2, "1.00"), (7, 1, "0.7"),
    ):  # fmt: skip
        made = message()
        made.put_fixed(value, decimals)
        assert text(made) == wanted
        assert plain(value, decimals) == wanted


def test_masks_of_32_bits():
    for value in (0, 1, 9, 10, 0xFFFF, 0x10000, 0x80000, 0x3FFFFFFF, 0x40000000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF):
        made = message()
        made.put_mask(value >> 16, value & 0xFFFF)
        assert text(made) == str(value)


def test_texts_are_harmless_in_json():
    made = message()
    made.open()
    made.string(b"name", 'a"b\\c\x07\x7f é°')
    made.numbers(b"none number", (None, -12))
    made.close()
    parsed = json.loads(text(made))
    assert parsed == {"name": "a?b?c?? é°", "none": None, "number": -12}


def test_a_message_that_does_not_fit_says_so_and_leaves_its_buffer_alone():
    made = message()
    room = len(made.buf) - made.end
    made.put(b"x" * (room - 1))
    assert not made.overflow
    made.put(b"yz")
    assert made.overflow
    made.start(False)
    assert not made.overflow
    made.body()
    for _ in range(room + 5):
        made.put_byte(65)
    assert made.overflow and made.end == len(made.buf)


def test_seven_bytes_are_free_before_the_topic():
    made = Message()
    made.start(True)
    made.put(b"a/b")
    made.body()
    made.put(b"1")
    assert (bytes(made.buf[7:10]), made.topic_end, made.end, made.retain) == (b"a/b", 10, 11, True)


# Extremes fit the buffer


def extremes():
    """Live frames with every field at an end, 32 cells: what could be longest or strangest."""
    for byte in (0, 255, 0x7F, 0x80, 0x3F, 0x40, 0xC0):
        frame = cb.live(cells=32)
        for i in range(6, 299):
            frame[i] = byte
        cb.put(frame, 70, 0xFFFFFFFF, 4)
        frame[214] = 255
        yield cb.seal(frame)
    frame = cb.live(cells=32)
    for _, at, size, signed, _ in NUMBERS:
        cb.put(frame, at, -(1 << 8 * size - 2) if signed else (1 << 8 * size - 2) - 1, size)
    for i in range(32):
        cb.put(frame, 6 + 2 * i, 0xFFFF, 2)
        cb.put(frame, 80 + 2 * i, 0xFFFF, 2)
    for at in (178, 182, 186, 194, 246, 262, 266, 270):
        cb.put(frame, at, LIMIT - 1, 4)
    for at in (202, 204, 206, 208, 210, 212, 218, 278):
        cb.put(frame, at, 0xFFFF, 2)
    for at in (144, 162, 164, 170, 236, 256, 258):
        cb.put(frame, at, -0x8000, 2)
    cb.put(frame, 166, 0xFFFFFFFF, 4)
    frame[172] = 2
    frame[280] = 1
    yield cb.seal(frame)


def test_the_longest_live_message_fits():
    longest = 0
    for frame in extremes():
        one = kept(frame, firmware="19.27")
        assert len(values(one)) > 100
        made = Message()
        made.start(False)
        made.put(b"B" * 32 + b"/15/live")
        made.body()
        made.open()
        payload.put_values(made, one, cb.LIVE, False)
        made.close()
        assert not made.overflow
        longest = max(longest, made.end - made.topic_end)
    print("longest live JSON:", longest, "bytes of", len(made.buf))
    assert 3000 < longest <= len(made.buf) - 60


def test_the_longest_settings_about_and_event_messages_fit():
    old = Pack(b"15", 15, "one")
    new = Pack(b"15", 15, "one")
    blank = bytearray(300)
    long = bytearray(300)
    for i in range(6, 282):
        blank[i] = 0
    for i in range(6, 282, 4):
        cb.put(long, i, LIMIT - 1, 4)
    cb.put(long, 282, 0xFFFF, 2)
    for i in range(284, 299):
        long[i] = 0x80
    for one in (old, new):
        one.keep(cb.about("19.27"), cb.ABOUT)
    old.keep(blank, cb.SETTINGS)
    new.keep(long, cb.SETTINGS)
    got = values(new, cb.SETTINGS)
    assert len(got) > 55 and got["cell_overvoltage_protection"] == 1073741.823
    made = message()
    new.event = bytes(old.frame(cb.SETTINGS))
    assert events.put_event(made, new, events.SETTING)
    assert not made.overflow, "every setting changed at once: the event must fit or be told otherwise"
    changed = json.loads(text(made))["changed"]
    assert len(changed) > 50
    assert changed["cell_overvoltage_protection"] == {"old": 0.0, "new": 1073741.823}
    frame = cb.about("19.27")
    for at, length in ((6, 15), (22, 8), (78, 8), (190, 12)):
        frame[at : at + length] = b"W" * length
    for i in list(range(184, 190)) + list(range(202, 282)):
        frame[i] = 0xC0
    frame[30:38] = b"19.27\0\0\0"
    one = Pack(b"1", 1, "")
    one.keep(cb.seal(frame), cb.ABOUT)
    assert len(values(one, cb.ABOUT)) > 25
