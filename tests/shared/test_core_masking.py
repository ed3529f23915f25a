"""Masking of recorded bytes: what is secret is gone, the rest is as it was; on CPython and on MicroPython."""

from core_bytes import ABOUT, LIVE, MAGIC, empty, live, names, read, request, seal, sealed, unit
from planted import PLANTED, SECRET, about, fed, joined, leaks, masked, written
from recordings import SkipTest

from jkcore.masking import RECEIVED, SENT, Masking


def good(frame):
    return sum(frame[:299]) & 255 == frame[299]


def test_an_about_frame_keeps_all_but_the_secret_fields_and_a_right_sum():
    whole = request(1, ABOUT) + unit(about(), 1)
    for step in (0, 1, 7, 299):
        out = masked(whole, step)
        assert not leaks(out)
        frame = out[11:311]
        assert good(frame)
        assert out[:11] == whole[:11]
        assert out[311:] == whole[311:]
        for i in range(299):
            assert frame[i] == (42 if i in SECRET else about()[i]), i


def test_fields_that_are_empty_look_like_the_others():
    bare = bytes(seal(empty(ABOUT)))
    assert masked(unit(bare, 1))[46:62] == b"*" * 16


def test_a_healthy_line_passes_at_once_and_unchanged():
    masking = Masking(8)
    unit_ = unit(live(), 1)
    assert fed(masking, request(1, LIVE), 5, SENT) == [(SENT, 5, request(1, LIVE))]
    pieces = fed(masking, unit_[:200], 20) + fed(masking, unit_[200:], 30)
    assert joined(pieces) == unit_
    assert sum([len(data) for _, at, data in pieces if at == 20]) == 200
    assert {at for _, at, _ in pieces} == {20, 30}


def test_damage_of_every_kind_hides_the_whole_frame_and_leaves_its_sum_wrong():
    for name, data in damaged(about()):
        out = masked(live_around(data))
        assert not leaks(out), name
        assert out[:319] == live_around(b"")[:319], name
        assert out[-319:] == live_around(b"")[-319:], name
        at = out.find(MAGIC + b"\x03")
        if at >= 0 and at + 300 <= len(out):
            assert not good(out[at : at + 300]), name


def damaged(frame):
    closed = unit(frame, 1)
    yield "bit", flipped(closed, 70)
    yield "sum", flipped(closed, 299)
    yield "ack", flipped(closed, 303)
    yield "no ack", closed[:300]
    yield "type", flipped(closed, 4)
    yield "other type", closed[:4] + b"\x43" + closed[5:]
    yield "magic", flipped(closed, 1)
    yield "start lost", closed[40:]
    yield "start lost in a password", closed[64:]
    yield "end lost", closed[:140]
    yield "bytes lost", closed[:20] + closed[45:]
    yield "more bytes", closed[:20] + bytes(100) + closed[20:]
    yield "second start", closed[:60] + MAGIC + b"\x02" + closed[65:]
    yield "spliced", closed[:100] + bytes(live())[:90] + closed[100:]
    yield "a whole frame inside", closed[:100] + unit(live(), 2) + closed[100:]
    for i in range(1, 308, 23):
        yield "cut at " + str(i), closed[:i]
        yield "from " + str(i), closed[i:]


def flipped(data, at):
    return data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :]


def live_around(data):
    return request(1, LIVE) + unit(live(), 1) + data + request(1, LIVE) + unit(live(), 1)


def test_texts_that_look_like_none_are_hidden_too():
    """Names in other alphabets: nothing but the frame, its ack or its request tells that they are texts."""
    frame = bytearray(about())
    for offset, _ in PLANTED:
        frame[offset : offset + 16] = bytes([0xC3, 0x80 + offset // 2] * 8)
    closed = unit(seal(frame), 1)
    for name, data in (
        ("bit", flipped(closed, 20)[:300]),
        ("cut", closed[:240]),
        ("more bytes", closed[:20] + bytes(100) + closed[20:300]),
        ("start lost", closed[5:]),
        ("type", flipped(closed, 4)),
        ("start lost, more bytes", closed[5:200] + bytes(12) + closed[200:]),
    ):
        out = masked(live_around(data))
        for offset, _ in PLANTED:
            assert bytes([0xC3, 0x80 + offset // 2]) not in out, (name, offset)


def test_silence_in_the_middle_hides_both_halves():
    masking = Masking(64)
    closed = unit(about(), 1)
    out = b""
    for cut in (30, 66, 100):
        out += joined(fed(masking, closed[:cut], 1000))
        masking.tick(1999)
        assert not written(masking)
        masking.tick(2000)
        first = joined(written(masking))
        assert len(first) == cut
        out += first + joined(fed(masking, closed[cut:], 31000))
        masking.tick(32000)
        out += joined(written(masking))
    assert len(out) == 3 * 308
    assert not leaks(out)


def test_an_about_answer_without_start_and_end_is_known_by_its_request():
    # Three characters, or other than ASCII: nothing but the request tells what this is.
    piece = b"\x00Abc\x00\x00\xc3\xa4\xc3\xb6\x00"
    for way in (SENT, RECEIVED):
        masking = Masking(64)
        assert joined(fed(masking, request(1, ABOUT), 100, way), way) == request(1, ABOUT)
        fed(masking, piece, 4000)
        masking.flush()
        assert joined(written(masking)) == b"*" * len(piece)
        fed(masking, piece, 9101)
        masking.flush()
        assert joined(written(masking)) == piece


def test_texts_outside_of_frames_keep_their_shape_only():
    assert masked(b"\xff\x00Serial 4711-B~\x00\xffab1\x00") == b"\xff\x00xxxxxx 0000*x~\x00\xffab1\x00"
    # 4E57 and Pylontech are still to be recognized, their serial numbers are not to be read.
    assert masked(b"NW\x01\x13\x00" + b"~200146E2\r") == b"NW\x01\x13\x00" + b"~000000x0\r"
    masking = Masking(64)
    out = fed(masking, b"\x99pass") + fed(masking, b"word\x99")
    masking.flush()
    assert joined(out + written(masking)) == b"\x99xxxxxxxx\x99"


def test_what_is_masked_stays_as_it_is_when_masked_again():
    for name, data in list(damaged(about())) + [("good", unit(about(), 1)), ("text", b"\x99Hello 4711!\x99")]:
        once = masked(live_around(data))
        assert masked(once) == once, name


def test_reads_of_the_about_block_give_no_data_away():
    data = about()[86:102]
    answer = sealed(bytes((1, 3, 16)) + data)
    ask = sealed(b"\x01\x03\x14\x50\x00\x08")
    hidden = sealed(b"\x01\x03\x10" + b"*" * 16)
    assert masked(ask + answer) == ask + hidden
    masking = Masking(64)
    assert joined(fed(masking, ask, 0, SENT), SENT) == ask
    assert joined(fed(masking, answer, 40)) == hidden
    # Asked for by nobody we heard: texts are hidden. Asked for elsewhere: nothing is.
    shaped = masked(answer)
    assert not leaks(shaped)
    assert sealed(shaped[:-2]) == shaped
    cells = sealed(b"\x01\x03\x12\x00\x00\x08") + sealed(b"\x01\x03\x10" + b"0123456789abcdef")
    assert masked(cells) == cells


def test_writes_to_secret_registers_give_no_data_away():
    for register, words in ((0x78, 8), (0x78, 2), (0x86, 1)):
        head = bytes((2, 16, 20, register, 0, words, 2 * words))
        write = sealed(head + b"NewPassword12345"[: 2 * words])
        for bad, data in ((False, write), (True, flipped(write, len(write) - 1))):
            out = masked(live_around(data))[319:-319]
            assert out[7:-2] == b"*" * (2 * words), (register, words)
            assert out[:7] == head
            assert (sealed(out[:-2]) == out) == (words < 3 and not bad)
    harmless = sealed(b"\x02\x10\x14\xe4\x00\x01\x02\x09\x00")  # trigger of the buzzer
    assert masked(harmless) == harmless


def test_both_ways_keep_their_order_and_times():
    masking = Masking(64)
    noise = bytes([0x99, 0xAA] * 20)
    out = fed(masking, noise, 100) + fed(masking, request(1, LIVE), 150, SENT) + fed(masking, noise, 160)
    assert out == []  # held: what belongs to no unit may yet turn out to be an about frame
    answer = unit(live(), 1)
    out += fed(masking, answer, 200)
    masking.tick(1200)
    out += written(masking)
    assert [(way, at) for way, at, _ in out[:3]] == [(RECEIVED, 100), (SENT, 150), (RECEIVED, 160)]
    assert joined(out) == noise + noise + answer
    assert joined(out, SENT) == request(1, LIVE)


def test_more_pieces_than_places_lose_nothing():
    masking = Masking(4)
    out = []
    wanted = {RECEIVED: b"", SENT: b""}
    for i in range(400):
        way = SENT if i % 5 == 4 else RECEIVED
        data = bytes((0x99, i & 31 | 0x80))
        wanted[way] += data
        out += fed(masking, data, i, way)
    masking.flush()
    out += written(masking)
    for way in (RECEIVED, SENT):
        assert joined(out, way) == wanted[way]
    assert max([at for _, at, _ in out]) == 399


def test_recordings_of_real_buses_pass_unchanged():
    seen = 0
    for name in names():
        data = read(name)
        if MAGIC + b"\x03" in data:
            assert masked(data, 37) == masked(data) != data, name
        else:
            assert masked(data) == data, name
        seen += 1
    if not seen:
        raise SkipTest("the folder of recordings is empty")
