"""Settings and about data need two readings that agree; the field table; any bytes at all in a pack."""

import core_bytes as cb
from core_values import values

from jkcore import pack
from jkcore.fields import table
from jkcore.pack import Pack


def test_settings_are_used_when_two_in_a_row_agree():
    one = Pack(b"1", 1, "one")
    first = cb.settings()
    again = cb.settings()
    again[5] = 99  # a counter on some transports
    cb.seal(again)
    other = cb.settings(ovp=3600)
    assert one.agreed(first, cb.SETTINGS) == pack.WAITING
    assert one.agreed(other, cb.SETTINGS) == pack.WAITING
    assert one.agreed(first, cb.SETTINGS) == pack.WAITING
    assert one.agreed(again, cb.SETTINGS) == pack.AGREED
    one.keep(again, cb.SETTINGS)
    assert one.agreed(first, cb.SETTINGS) == pack.SAME
    assert one.agreed(other, cb.SETTINGS) == pack.WAITING
    assert one.agreed(first, cb.SETTINGS) == pack.SAME, "a damaged one between"
    assert one.agreed(other, cb.SETTINGS) == pack.WAITING, "it is forgotten then"
    assert one.agreed(other, cb.SETTINGS) == pack.AGREED


def test_about_may_differ_in_its_run_time():
    one = Pack(b"1", 1, "one")
    assert one.agreed(cb.about(runtime=300), cb.ABOUT) == pack.WAITING
    assert one.agreed(cb.about(runtime=600), cb.ABOUT) == pack.AGREED
    one.keep(cb.about(runtime=600), cb.ABOUT)
    assert one.agreed(cb.about(runtime=900), cb.ABOUT) == pack.SAME
    assert one.agreed(cb.about("15.42", runtime=900), cb.ABOUT) == pack.WAITING


def test_every_byte_of_settings_counts():
    for at in range(6, 299):
        one = Pack(b"1", 1, "one")
        bent = cb.settings()
        bent[at] ^= 1
        cb.seal(bent)
        assert one.agreed(cb.settings(), cb.SETTINGS) == pack.WAITING
        assert one.agreed(bent, cb.SETTINGS) == pack.WAITING, at
        one = Pack(b"1", 1, "one")
        one.keep(cb.settings(), cb.SETTINGS)
        assert one.agreed(bent, cb.SETTINGS) == pack.WAITING, at


# The table


def test_names_are_unique_and_found():
    seen = []
    for kind in (cb.SETTINGS, cb.LIVE, cb.ABOUT):
        for row in range(table.first(kind), table.last(kind)):
            name = table.name(row)
            # Both frames tell the number of cells; only the one of the settings becomes an entity.
            assert name not in seen or name == "cell_count", name
            seen.append(name)
            assert table.find(name, kind) == row
            for byte in name.encode():
                assert byte == 95 or 48 <= byte <= 57 or 97 <= byte <= 122, name
    assert len(seen) > 230
    assert table.find("nonsense", cb.LIVE) == -1
    assert table.find("soc", cb.SETTINGS) == -1


def test_every_value_of_every_row_of_random_frames_is_json():
    """Any bytes at all in a kept frame: put_values never raises, and what it writes is JSON."""
    chance = cb.Chance(5)
    for _ in range(12):
        one = Pack(b"1", 1, "one")
        for kind in (cb.SETTINGS, cb.LIVE, cb.ABOUT):
            one.keep(chance.bytes(300), kind)
        for kind in (cb.SETTINGS, cb.LIVE, cb.ABOUT):
            for decoding in (False, True):
                values(one, kind, decoding)
