"""Random bytes and damaged recordings through the framer and the gate: nothing raises, nothing broken is delivered,
the good frame afterwards is found; and the share of sum-keeping corruptions that the gate lets through, printed.
"""

from __future__ import annotations

import random

import core_bytes as cb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_core_recordings import decoded

from jkcore import framer as fr
from jkcore import gate, texts

END = cb.unit(cb.live(tag=99), 5)


def cuts_of(data: st.DataObject, length: int) -> list[int]:
    return sorted(data.draw(st.lists(st.integers(1, max(1, length - 1)), max_size=12, unique=True)))


def really_there(stream: bytes, said: tuple) -> bool:
    """What a delivered frame claims, checked by other means: magic, sum, padding, ack with its CRC."""
    _, position, length, address, kind, _, frame = said
    if stream[position : position + 300] != frame or sum(frame[:299]) & 255 != frame[299]:
        return False
    if frame[:4] != cb.MAGIC or cb.MAGIC in frame[1:] or frame[4] != kind:
        return False
    behind = stream[position + 300 : position + length]
    padding = behind[:-8]
    presets = [cb.sealed(bytes((address, 0x10, 0x16, low, 0, 1))) for low in (10, 12, 14)]
    acks = [cb.ack(address, kind), *(presets if kind == cb.SETTINGS else [])]
    return len(padding) <= 2 and not any(padding) and behind[-8:] in acks and address <= 15


def check(stream: bytes, cuts: list[int]) -> list[tuple]:
    """Feed a stream that ends with END in pieces; what every stream must stand."""
    said = cb.events(stream, cuts)
    cb.accounted(said, len(stream))
    assert said == cb.events(stream)
    for one in said:
        if one[0] == fr.FRAME and one[3] != fr.NO_ADDRESS:
            assert really_there(stream, one)
    assert said[-1][3] == 5
    assert said[-1][6] == END[:300]
    return said


@settings(max_examples=150)
@given(st.data())
def test_random_bytes(data):
    junk = data.draw(st.binary(max_size=1200))
    check(junk + END, cuts_of(data, len(junk) + 308))


# Pieces that look like the beginning of something, where a framer is led astray most easily.
PIECES = st.one_of(
    st.sampled_from(
        [
            cb.MAGIC, cb.MAGIC[:2], cb.MAGIC + b"\x02", b"\x55", b"\x00", b"\x00\x00", b"\x01\x03\xfe", b"\x01\x03",
            b"\x01\x10\x16\x20", b"\x01\x10\x16\x20\x00\x01", b"\x01\x10\x10\x00\x00\x02\x04", b"\x01\x90",
            cb.request(1, cb.LIVE), cb.ack(1, cb.LIVE), cb.exception(1), END[:300], END[:299], END[:150], END[4:],
            END, cb.unit(cb.settings(), 1), cb.unit(cb.about(), 2),
        ]
    ),
    st.binary(max_size=20),
)  # fmt: skip


@settings(max_examples=250)
@given(st.data())
def test_pieces_of_the_protocol_in_any_order(data):
    stream = b"".join(data.draw(st.lists(PIECES, max_size=8))) + END
    check(stream, cuts_of(data, len(stream)))


def mutate(draw, stream: bytearray, others: list[bytes]) -> None:
    """One thing that happens on a wire, at a random place of `stream`."""
    at = draw(st.integers(0, len(stream) - 1))
    kind = draw(st.sampled_from(["flip", "drop", "insert", "truncate", "splice", "swap", "zeros", "repeat"]))
    if kind == "flip":
        stream[at] ^= draw(st.integers(1, 255))
    elif kind == "drop":
        del stream[at : at + draw(st.integers(1, 40))]
    elif kind == "insert":
        stream[at:at] = draw(st.binary(min_size=1, max_size=30))
    elif kind == "truncate":
        del stream[at:]
    elif kind == "splice":
        other = draw(st.sampled_from(others))
        stream[at:] = other[draw(st.integers(0, len(other) - 1)) :]
    elif kind == "swap":
        stream[at : at + 2] = stream[at : at + 2][::-1]
    elif kind == "zeros":
        stream[at : at + 20] = bytes(len(stream[at : at + 20]))
    else:
        stream[at:at] = stream[at : at + 50]
    if not stream:
        stream.append(0)


@pytest.fixture(scope="module")
def streams(frames_dir):
    """Recordings of moderate length, as bytes."""
    found = [cb.read(name) for name in cb.names()]
    found = [data for data in found if 300 <= len(data) < 3000]
    return found or pytest.skip("no recording of 300 to 3000 bytes in the folder of recordings")


@settings(max_examples=300)
@given(data=st.data())
def test_damaged_recordings(streams, data):
    stream = bytearray(data.draw(st.sampled_from(streams)))
    for _ in range(data.draw(st.integers(1, 4))):
        mutate(data.draw, stream, streams)
    whole = bytes(stream) + END
    check(whole, cuts_of(data, len(whole)))


@settings(max_examples=300)
@given(data=st.data())
def test_the_gate_judges_anything(data):
    """Any 300 bytes have a verdict; the gate never raises and never takes an impossible value for a good one."""
    frame = bytearray(cb.live())
    for _ in range(data.draw(st.integers(0, 6))):
        piece = data.draw(st.binary(min_size=1, max_size=40))
        at = data.draw(st.integers(0, 300 - len(piece)))
        frame[at : at + len(piece)] = piece
    reason = gate.judge(frame)
    assert 0 <= reason < len(texts.DOUBTS)
    assert reason == gate.judge(memoryview(bytes(frame)))
    if reason == gate.GOOD:
        pack, _ = decoded(frame, cb.LIVE)
        assert pack.frame(cb.LIVE)[173] <= 100
        assert int.from_bytes(frame[150:154], "little") <= 200000


# What keeps the sum


def plus_minus(chance: random.Random, frame: bytearray, others: list[bytes]) -> None:
    """+d on one byte, -d on another."""
    i, j = chance.sample(range(6, 299), 2)
    d = chance.randrange(1, 256)
    frame[i] = (frame[i] + d) & 255
    frame[j] = (frame[j] - d) & 255


def two_bits(chance: random.Random, frame: bytearray, others: list[bytes]) -> None:
    """The same bit set in one byte and cleared in another: what the line does most easily."""
    while True:
        i, j = chance.sample(range(6, 299), 2)
        bit = 1 << chance.randrange(8)
        if not frame[i] & bit and frame[j] & bit:
            frame[i] |= bit
            frame[j] &= ~bit
            return


def burst(chance: random.Random, frame: bytearray, others: list[bytes]) -> None:
    """3 to 12 neighbouring bytes become noise whose sum is the old one."""
    length = chance.randrange(3, 13)
    at = chance.randrange(6, 299 - length)
    wanted = sum(frame[at : at + length])
    noise = bytearray(chance.randbytes(length))
    noise[-1] = (wanted - sum(noise[:-1])) & 255
    frame[at : at + length] = noise


def exchanged(chance: random.Random, frame: bytearray, others: list[bytes]) -> None:
    """Two different neighbouring bytes change places."""
    while True:
        i = chance.randrange(6, 298)
        if frame[i] != frame[i + 1]:
            frame[i], frame[i + 1] = frame[i + 1], frame[i]
            return


def spliced(chance: random.Random, frame: bytearray, others: list[bytes]) -> None:
    """The front of one frame, the rest of another one, where the sum happens to fit."""
    while True:
        other = chance.choice(others)
        fitting = [
            cut
            for cut in range(7, 299)
            if sum(frame[6:cut]) & 255 == (other[299] - sum(other[cut:299]) - sum(frame[:6])) & 255
            and bytes(frame[6:cut]) != other[6:cut]
            and bytes(frame[cut:299]) != other[cut:299]
        ]
        if fitting:
            cut = chance.choice(fitting)
            frame[cut:] = other[cut:]
            return


# (how, tries, share that the gate must refuse at least). Refused with this seed of the recordings of 2026-07:
# 57 %, 48 %, 61 %, 45 %, 46 %. The bounds leave room for other recordings, not for a gate that has lost a check.
KEEPING = (
    (plus_minus, 6000, 0.52),
    (two_bits, 6000, 0.42),
    (burst, 4000, 0.55),
    (exchanged, 4000, 0.38),
    (spliced, 1500, 0.38),
)


def test_share_of_sum_keeping_corruptions_that_pass_the_gate(frames_dir, capsys):
    """The 8-bit sum lets these through; what the gate refuses of them is measured, and what it would publish."""
    frames = [f for name, f in cb.live_recordings() if name not in cb.SPLICED_BY_HAND and not gate.judge(f)]
    if len(frames) < 10:
        pytest.skip("fewer than ten recorded live frames in the folder of recordings")
    chance = random.Random(20260701)
    lines = ["", "corruptions that keep the 8-bit sum      tried  pass the gate  and change a published value"]
    shares = []
    for how, tries, least in KEEPING:
        passed = visible = 0
        for _ in range(tries):
            source = chance.choice(frames)
            frame = bytearray(source)
            how(chance, frame, frames)
            assert sum(frame[:299]) & 255 == frame[299]
            assert bytes(frame) != source
            if gate.judge(frame) == gate.GOOD:
                passed += 1
                visible += published(frame) != published(source)
        lines.append(f"{how.__name__:<38} {tries:>7} {passed / tries:>13.1%} {visible / tries:>17.1%}")
        shares.append((how.__name__, 1 - passed / tries, least))
    lines += any_two_bits(chance, frames)
    with capsys.disabled():
        print("\n".join(lines))
    for name, refused, least in shares:
        assert refused >= least, f"{name}: only {refused:.1%} refused"


def any_two_bits(chance: random.Random, frames: list[bytes]) -> list[str]:
    """What is left of all double bit errors of a frame after the sum, and after the gate."""
    tries = 20000
    kept = passed = 0
    for _ in range(tries):
        frame = bytearray(chance.choice(frames))
        for bit in chance.sample(range(300 * 8), 2):
            frame[bit >> 3] ^= 1 << (bit & 7)
        if sum(frame[:299]) & 255 == frame[299]:
            kept += 1
            passed += frame[:5] == cb.MAGIC + b"\x02" and gate.judge(frame) == gate.GOOD
    assert 0 < passed < kept < tries // 10
    return [f"of {tries} double bit errors {kept / tries:.1%} keep the sum, {passed / tries:.1%} pass sum and gate"]


def published(frame: bytes | bytearray) -> bytes:
    """The live JSON of a frame."""
    from jkcore import payload
    from jkcore.message import Message
    from jkcore.pack import Pack

    pack = Pack(b"1", 1, "")
    pack.keep(frame, cb.LIVE)
    pack.firmware = 1541
    message = Message()
    message.start(False)
    message.body()
    payload.put_values(message, pack, cb.LIVE, False)
    return bytes(message.buf[message.topic_end : message.end])
