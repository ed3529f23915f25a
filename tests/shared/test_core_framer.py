"""The framer: what it finds depends on the bytes, never on how they were cut; the next good frame is always found."""

import core_bytes as cb

from jkcore import framer as fr

FRAME, REQUEST, WRITE, ACK, EXCEPTION, READ, REJECT = (
    fr.FRAME, fr.REQUEST, fr.WRITE, fr.ACK, fr.EXCEPTION, fr.READ, fr.REJECT,
)  # fmt: skip
GOOD = cb.unit(cb.live(), 3)
OTHER = cb.unit(cb.live(tag=7), 4)
EVERY_BYTE = tuple(range(1, 1000))


def codes(said):
    return [s[0] for s in said]


def reasons(said):
    return [s[5] for s in said if s[0] == REJECT]


def test_frame_with_ack():
    said = cb.events(GOOD)
    assert len(said) == 1
    assert said[0] == (FRAME, 0, 308, 3, cb.LIVE, 0, GOOD[:300])


def test_frame_is_said_when_its_last_byte_comes_and_not_before():
    framer = fr.Framer()
    out = []
    cb.feed(framer, GOOD[:307], out)
    assert out == [] and framer.pending()
    cb.feed(framer, GOOD[307:], out)
    assert codes(out) == [FRAME] and not framer.pending()


def test_frames_of_every_type_and_address():
    for address in range(16):
        for kind in (cb.SETTINGS, cb.LIVE, cb.ABOUT):
            data = cb.unit(cb.FRAMES[kind](), address)
            assert cb.events(data) == [(FRAME, 0, 308, address, kind, 0, data[:300])]


def test_log_frames_are_units_too():
    for kind in (5, 6):
        frame = cb.empty(kind)
        said = cb.events(cb.unit(frame, 2) + GOOD)
        assert [(s[0], s[4]) for s in said] == [(FRAME, kind), (FRAME, cb.LIVE)]


def test_requests_acks_exceptions_writes_and_reads():
    for address in (0, 1, 9, 15):
        for kind in (cb.SETTINGS, cb.LIVE, cb.ABOUT):
            assert cb.events(cb.request(address, kind)) == [(REQUEST, 0, 11, address, kind, 0, b"")]
            assert cb.events(cb.ack(address, kind)) == [(ACK, 0, 8, address, kind, 0, b"")]
        assert cb.events(cb.exception(address, 0x10, 3)) == [(EXCEPTION, 0, 5, address, 0, 3, b"")]
    write = cb.sealed(bytes.fromhex("01101070000204") + bytes(4))
    assert codes(cb.events(write)) == [WRITE]
    assert codes(cb.events(cb.sealed(bytes.fromhex("011010700002")))) == [ACK]
    read = cb.sealed(bytes.fromhex("010312a00002"))
    reply = cb.sealed(bytes.fromhex("010304") + bytes(4))
    assert codes(cb.events(read + reply + GOOD)) == [READ, READ, FRAME]


def test_byte_at_a_time_is_the_same_as_all_at_once():
    for name in cb.names():
        data = cb.read(name)
        if len(data) > 3000:  # whole recordings of a bus are cut elsewhere, this is for the clock's sake
            data = data[:3000]
        assert cb.events(data, range(1, len(data))) == cb.events(data), name


def test_every_split_in_two_is_the_same():
    for name in (
        "live_txubelaxu_addr3_v1532_discharging.hex",
        "about_txubelaxu_addr2_v1532.hex",
        "exchange_tlamoureux_onekey_lfp_v1530.hex",
        "ble_live_syssi_v1927.hex",
    ):
        cb.need(name)
        data = cb.read(name)
        whole = cb.events(data)
        for cut in range(1, len(data)):
            assert cb.events(data, (cut,)) == whole, (name, cut)


def damaged_streams():
    """(name, bytes) of streams in which something is wrong and a good frame follows at the end."""
    bent = bytearray(GOOD)
    bent[150] ^= 4
    bad_ack = bytearray(GOOD)
    bad_ack[307] ^= 1
    chance = cb.Chance(7)
    yield "garbage before", b"\x00\xff\x55\xaa\x12" + GOOD
    yield "much garbage", chance.bytes(700) + GOOD
    yield "garbage that looks like a long FC03 reply", b"\x01\x03\xfe" + GOOD + GOOD
    yield "garbage that looks like a write", b"\x01\x10\x10\x00\x00\x02\x04" + GOOD
    yield "half a magic", b"\x55\xaa\xeb" + GOOD
    yield "two magics", cb.MAGIC + GOOD
    yield "bent byte", bytes(bent) + GOOD
    yield "bent ack", bytes(bad_ack) + GOOD
    yield "missing ack", GOOD[:300] + GOOD
    yield "echo", cb.request(3, cb.LIVE) + GOOD
    yield "half an echo", cb.request(3, cb.LIVE)[4:] + GOOD
    yield "padding of 310 bytes", GOOD[:300] + b"\0" + GOOD[300:] + b"\0" + GOOD
    yield "two paddings", GOOD[:300] + b"\0\0" + GOOD[300:] + b"\0\0" + GOOD
    yield "cut short", GOOD[:200] + GOOD
    yield "cut after the magic", GOOD[:4] + GOOD
    yield "front lost", GOOD[50:] + GOOD
    yield "byte lost", GOOD[:120] + GOOD[121:] + GOOD
    yield "byte added", GOOD[:120] + b"\x42" + GOOD[120:] + GOOD
    yield "spliced", GOOD[:137] + OTHER + GOOD
    yield "spliced without a second magic", GOOD[:137] + OTHER[140:] + GOOD
    yield "garbage between frame and ack", GOOD[:300] + b"\x42\x42" + GOOD[300:] + GOOD
    yield "ones", b"\xff" * 100 + GOOD
    yield "zeros", b"\x00" * 100 + GOOD


def test_damaged_streams_are_the_same_however_they_are_cut():
    for name, data in damaged_streams():
        whole = cb.events(data)
        cb.accounted(whole, len(data))
        assert cb.events(data, range(1, len(data))) == whole, name
        for size in (2, 7, 64, 299, 301, 308):
            assert cb.events(data, range(size, len(data), size)) == whole, (name, size)


def test_the_good_frame_after_the_damage_is_found():
    for name, data in damaged_streams():
        said = cb.events(data)
        assert said[-1] == (FRAME, len(data) - 308, 308, 3, cb.LIVE, 0, GOOD[:300]), name
        # And nothing but what was really sent was found besides.
        for address, frame in cb.good_frames(said):
            assert (address, frame) in ((3, GOOD[:300]), (4, OTHER[:300])), name


def test_the_good_frame_is_found_before_silence():
    """Not only when the stream ends: no frame may hang in the buffer until somebody flushes."""
    for name, data in damaged_streams():
        framer = fr.Framer()
        out = []
        cb.feed(framer, data, out)
        assert codes(out)[-1] == FRAME and out[-1][3] == 3, name


def test_reasons_of_what_is_rejected():
    streams = {}
    for name, data in damaged_streams():
        streams[name] = cb.events(data)
    assert reasons(streams["garbage before"]) == [fr.GARBAGE]
    assert reasons(streams["bent byte"]) == [fr.SUM]
    assert reasons(streams["byte lost"])[0] == fr.SUM
    assert reasons(streams["half an echo"]) == [fr.GARBAGE]
    assert reasons(streams["echo"]) == []
    assert [s[3] for s in streams["bent ack"] if s[0] == FRAME] == [fr.NO_ADDRESS, 3]
    assert [s[3] for s in streams["missing ack"] if s[0] == FRAME] == [fr.NO_ADDRESS, 3]
    assert [s[3] for s in streams["padding of 310 bytes"] if s[0] == FRAME] == [3, 3]
    assert [s[3] for s in streams["two paddings"] if s[0] == FRAME] == [3, 3]
    assert [s[3] for s in streams["spliced"] if s[0] == FRAME] == [4, 3]


def test_a_frame_cut_short_is_called_so_after_silence():
    said = cb.events(GOOD[:100])
    assert [(s[0], s[5], s[2]) for s in said] == [(REJECT, fr.SHORT, 100)]
    assert reasons(cb.events(GOOD[:3])) == [fr.GARBAGE]


def test_a_second_magic_inside_is_refused_even_when_the_sum_fits():
    frame = bytearray(cb.live())
    frame[100:104] = cb.MAGIC
    cb.seal(frame)
    said = cb.events(cb.unit(frame, 3) + GOOD)
    assert cb.good_frames(said) == [(3, GOOD[:300])]
    assert fr.SPLICED in reasons(said)


def test_two_halves_whose_sum_fits_by_chance_are_refused():
    """One spliced frame in 256 has a right sum: the magic of the second half gives it away, or its ack."""
    passed = 0
    for cut in range(5, 299):
        mixed = bytearray(GOOD[:cut] + OTHER[:300])
        spliced = bytearray(mixed[:300])
        cb.seal(spliced)
        said = cb.events(bytes(spliced) + bytes(mixed[300:]) + GOOD)
        for address, frame in cb.good_frames(said):
            passed += (address, frame) not in ((3, GOOD[:300]), (4, OTHER[:300]))
    assert not passed


def test_frames_of_unknown_type_are_refused():
    for kind in (0, 4, 7, 16, 128, 255):
        frame = cb.empty(kind)
        said = cb.events(bytes(frame) + cb.ack(3, cb.LIVE) + GOOD)
        assert cb.good_frames(said) == [(3, GOOD[:300])], kind
        assert fr.KIND in reasons(said), kind


def test_a_wrong_ack_gives_no_address():
    wrong = (
        cb.ack(16, cb.LIVE),  # no such address
        cb.ack(200, cb.LIVE),
        cb.ack(3, cb.SETTINGS),  # of another request
        cb.ack(3, cb.ABOUT),
        cb.sealed(bytes((3, 0x10, 0x16, 0x20, 0, 2))),  # of two registers
        cb.sealed(bytes((3, 0x10, 0x12, 0x20, 0, 1))),  # of another block
        cb.sealed(bytes((3, 0x03, 0x16, 0x20, 0, 1))),
        cb.request(3, cb.LIVE),
    )
    for behind in wrong:
        said = cb.events(GOOD[:300] + behind + OTHER)
        assert said[0][:4] == (FRAME, 0, 300, fr.NO_ADDRESS), behind
        assert said[-1][3] == 4, behind


def test_every_bit_of_the_ack_counts():
    for bit in range(64):
        data = bytearray(GOOD)
        data[300 + (bit >> 3)] ^= 1 << (bit & 7)
        said = cb.events(bytes(data) + OTHER)
        assert cb.good_frames(said) == [(4, OTHER[:300])], bit


def test_preset_commands_are_answered_by_a_settings_frame():
    """Section 8.4: the ack of registers 0x160A, 0x160C and 0x160E closes a settings frame, and no other."""
    frame = cb.settings(1)
    for low in (0x0A, 0x0C, 0x0E):
        behind = cb.sealed(bytes((1, 0x10, 0x16, low, 0, 1)))
        assert cb.good_frames(cb.events(bytes(frame) + behind)) == [(1, bytes(frame))]
        assert cb.good_frames(cb.events(GOOD[:300] + behind)) == []


def test_positions_count_on():
    framer = fr.Framer()
    out = []
    for _ in range(20):
        cb.feed(framer, GOOD, out)
    assert [s[1] for s in out] == [308 * i for i in range(20)]


def test_garbage_is_told_in_bounded_pieces_also_without_an_end():
    """Noise for ever: the buffer never fills up, and what was dropped is told as it goes."""
    chance = cb.Chance(3)
    framer = fr.Framer()
    out = []
    fed = 0
    for _ in range(60):
        piece = chance.bytes(97)
        fed += 97
        cb.feed(framer, piece, out)
        told = sum([s[2] for s in out])
        assert fed - told < 700
    cb.feed(framer, GOOD, out)
    assert out[-1][0] == FRAME and out[-1][3] == 3


def test_silence_ends_what_is_incomplete_and_what_comes_then_is_new():
    framer = fr.Framer()
    out = []
    cb.feed(framer, GOOD[:200], out)
    assert framer.pending()
    framer.flush()
    cb.drain(framer, out)
    assert not framer.pending() and reasons(out) == [fr.SHORT]
    cb.feed(framer, GOOD[200:] + OTHER, out)
    assert cb.good_frames(out) == [(4, OTHER[:300])]


def test_flush_of_nothing_changes_nothing():
    framer = fr.Framer()
    framer.flush()
    assert framer.next() == fr.NONE
    out = []
    cb.feed(framer, GOOD[:150], out)
    cb.feed(framer, GOOD[150:], out)
    assert codes(out) == [FRAME]


def test_a_frame_without_an_ack_is_given_up_by_silence_only():
    framer = fr.Framer()
    out = []
    cb.feed(framer, GOOD[:300], out)
    assert out == []
    framer.flush()
    cb.drain(framer, out)
    assert [(s[0], s[3]) for s in out] == [(FRAME, fr.NO_ADDRESS)]


def test_reset_forgets_half_a_frame():
    framer = fr.Framer()
    out = []
    cb.feed(framer, GOOD[:299], out)
    framer.reset()
    assert not framer.pending()
    cb.feed(framer, GOOD[299:] + OTHER, out)
    assert cb.good_frames(out) == [(4, OTHER[:300])]


def test_all_the_buffers_fit_bytearray_bytes_and_memoryview():
    for make in (bytes, bytearray, memoryview):
        framer = fr.Framer()
        out = []
        cb.feed(framer, make(GOOD), out)
        assert codes(out) == [FRAME]


def test_random_bytes_never_raise_and_are_accounted_for():
    """The short form of tests/test_core_fuzz.py for MicroPython: same seed, same bytes everywhere."""
    chance = cb.Chance(11)
    for _ in range(40):
        data = chance.bytes(chance.below(400))
        said = cb.events(data + GOOD)
        cb.accounted(said, len(data) + 308)
        assert said[-1][0] == FRAME and said[-1][6] == GOOD[:300]


def test_single_bit_errors_are_never_delivered():
    """Every bit of the 308 bytes, on a third of them per interpreter run: none passes sum and ack."""
    for bit in range(0, 308 * 8, 3):
        data = bytearray(GOOD)
        data[bit >> 3] ^= 1 << (bit & 7)
        said = cb.events(bytes(data) + OTHER)
        assert cb.good_frames(said) == [(4, OTHER[:300])], bit
