"""What the core relies on in an interpreter, the same on CPython and on both MicroPythons; and what tells
them apart.
"""

import sys

MICROPYTHON = sys.implementation.name == "micropython"


def test_small_int_of_the_wasm_port_is_31_bits():
    """The integer gates are only worth something where numbers of 2**30 and more take heap."""
    if sys.platform != "webassembly":
        return
    import micropython

    def shift_locked(value):
        micropython.heap_lock()
        try:
            return value << 1
        except MemoryError:
            return None
        finally:
            micropython.heap_unlock()

    assert shift_locked(2**28) == 2**29
    assert shift_locked(2**29) is None


def test_integers_are_exact_beyond_32_bits():
    assert (1 << 30) + (1 << 30) == 2147483648
    assert 0xFFFFFFFF - 0x80000000 == 0x7FFFFFFF
    assert -1 & 0x3FFFFFFF == 0x3FFFFFFF


def test_floor_division_and_remainder_round_down():
    assert -7 // 2 == -4
    assert -7 % 2 == 1


def test_signed_32_bit_from_its_top_byte():
    """The way the decoder reads a signed number without a big intermediate value."""
    for raw, value in (
        ("69e4ffff", -7063),
        ("00000080", -(2**31)),
        ("ffffff3f", 2**30 - 1),
        ("39050000", 1337),
    ):
        b = bytes.fromhex(raw)
        high = b[3]
        if high & 0x80:
            high -= 256
        assert b[0] | b[1] << 8 | b[2] << 16 | high << 24 == value


def test_wrapping_difference_of_times():
    assert (5 - 0x3FFFFFFE) & 0x3FFFFFFF == 7


def test_slice_assignment_into_a_bytearray_keeps_its_length():
    buffer = bytearray(8)
    view = memoryview(b"abcdef")
    buffer[2:5] = view[1:4]
    assert bytes(buffer) == b"\0\0bcd\0\0\0"


def test_bytes_find_starts_where_it_is_told():
    buffer = bytearray(b"\x55\xaa..\x55\xaa\xeb\x90")
    assert buffer.find(b"\x55\xaa\xeb\x90", 1) == 4
    assert buffer.find(b"\x01\x02", 0) == -1


def test_hex_text_is_bytes():
    assert bytes.fromhex("55aaeb90") == b"\x55\xaa\xeb\x90"


def test_const_is_there_for_both():
    from jkcore.shim import const

    assert const(7) == 7
