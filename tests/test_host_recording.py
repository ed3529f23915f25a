"""The text format of recordings: with and without times, both directions, raw bytes, and back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jkbridge import recording
from jkbridge.recording import Chunk


def test_hex_without_times_is_paced_as_at_115200_baud() -> None:
    chunks = recording.parse(b"# head\n01 02\n" + b"AA " * 1152 + b"# tail\n\nff\n")
    assert [chunk.data for chunk in chunks] == [b"\x01\x02", b"\xaa" * 1152, b"\xff"]
    assert [chunk.at for chunk in chunks] == [0, 100, 100]  # 1154 bytes of 86.8 us
    assert {chunk.direction for chunk in chunks} == {"<"}


def test_times_directions_and_comments() -> None:
    text = b"12.300 > 01 10\n12.345 < 55AA # answer\n12.3456789x\n"
    assert recording.parse(text)[0].data == text[:64]  # one line that is none: raw bytes
    chunks = recording.parse(b"12.300 > 01 10\r\n12.345 < 55AA # answer\r\n13.5 EB\n13.4 90\n")
    assert chunks == [
        Chunk(0, ">", b"\x01\x10"), Chunk(45, "<", b"\x55\xaa"), Chunk(1200, "<", b"\xeb"), Chunk(1200, "<", b"\x90"),
    ]  # fmt: skip


def test_times_of_a_wall_clock_are_times() -> None:
    text = b"1764212345.123456789 < 01\n1764212345.500 < 02\n"
    assert recording.parse(text) == [Chunk(0, "<", b"\1"), Chunk(377, "<", b"\2")]


def test_raw_bytes_are_read_as_they_are() -> None:
    data = bytes(range(256))
    chunks = recording.parse(data)
    assert b"".join(chunk.data for chunk in chunks) == data
    assert chunks[-1].at == 22
    assert chunks[0].at == 5


def test_whether_there_are_times() -> None:
    assert recording.has_times(b"# x\n0.000 < 01\n")
    assert not recording.has_times(b"01 02\n")
    assert not recording.has_times(bytes(range(256)))


@given(st.lists(st.tuples(st.integers(0, 5000), st.sampled_from("<>"), st.binary(min_size=1, max_size=40)), min_size=1))
def test_what_is_written_is_read_again(steps: list[tuple[int, str, bytes]]) -> None:
    at = 123_456
    text = ""
    wanted = []
    for gap, direction, data in steps:
        at += gap
        text += recording.line(at, direction, data)
        wanted.append(Chunk(at, direction, data))
    zero = wanted[0].at
    assert recording.parse(text.encode()) == [chunk._replace(at=chunk.at - zero) for chunk in wanted]
