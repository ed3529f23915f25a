"""What binds a value beside its own range: the chemistry of the cells, the rating of the model, and other settings.

Which field must stay below which one stands in their rows. Only rules with a changed field in them are checked: many
healthy batteries break others (protocol/rs485.md section 8.6).
"""

from jkcore.fields import table
from jkcore.shim import const
from jkcore.writes import limits, texts
from jkcore.writes.bounds import CHEMISTRIES, model_of, of_cells, rating_of
from jkcore.writes.decimals import plain
from jkcore.writes.refusal import CommandError

_LARGE = const(100)  # mV: a cell voltage moved further takes the confirmation word

# Sources of buzzer and dry contacts that go off when a value is low, and when it is high (section 1.1). A low one is
# released above its trigger, a high one below it.
_LOW_SOURCES = b"\x01\x03\x05\x0b"
_HIGH_SOURCES = b"\x02\x04\x06\x07\x08\x09\x0d"


def check_cell_voltage(limit, value: int, now: int, chemistry, confirmed: bool, word: str) -> None:
    """A cell voltage: within the chemistry, and no large step without the confirmation word."""
    name = table.name(limit.row)
    if chemistry not in CHEMISTRIES:
        raise CommandError(texts.NO_CHEMISTRY, name)
    if value == now:
        return
    low, high = of_cells(chemistry)
    if not low <= value <= high:
        raise CommandError(texts.CHEMISTRY, name, plain(value, 3), plain(low, 3), plain(high, 3), chemistry)
    if not confirmed and not -_LARGE <= value - now <= _LARGE:
        raise CommandError(texts.MOVED, name, plain(now, 3), plain(value, 3), word)


def check_rating(limit, value: int, now: int, pack) -> None:
    """A current limit: within the rating of the model; where that is not known it may only be lowered."""
    if value == now:
        return
    model = model_of(pack)
    rating = rating_of(model, limit.bound)
    if rating is None:
        if value > now:
            raise CommandError(texts.NO_RATING, table.name(limit.row), model or "?")
    elif value > rating:
        raise CommandError(texts.RATING, table.name(limit.row), plain(value, 3), plain(rating, 3), model)


def check(pack, state: dict, changed) -> None:
    """The rules with one of the rows `changed` in them, for the settings of `pack` with `state` (row: value) on top."""
    for limit in limits.rules():
        if limit.row in changed or limit.below in changed or limit.by in changed:
            if pack.present(limit.row) and pack.present(limit.below):
                _check_order(pack, state, limit)


def _check_order(pack, state: dict, limit) -> None:
    first, second = limit.row, limit.below
    if limit.by >= 0:
        source = value_of(pack, state, limit.by)
        if source in _HIGH_SOURCES:
            first, second = second, first
        elif source not in _LOW_SOURCES:
            return
    low = value_of(pack, state, first)
    high = value_of(pack, state, second)
    if low < high or low == high and limit.may_equal:
        return
    low_text = plain(low, table.at(first).decimals)
    high_text = plain(high, table.at(second).decimals)
    code = texts.AT_MOST if limit.may_equal else texts.BELOW
    raise CommandError(code, table.name(first), low_text, table.name(second), high_text)


def value_of(pack, state: dict, r: int) -> int:
    """Value of row `r` in `state`, else in the pack's settings; CommandError when that cannot be read."""
    value = state.get(r)
    if value is None:
        value = pack.scaled(r)
        if value is None:
            raise CommandError(texts.UNREADABLE, table.name(r))
    return value
