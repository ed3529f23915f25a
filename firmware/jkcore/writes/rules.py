"""What binds a value beside its own range: the chemistry of the cells, the rating of the model, and other settings.

Which field must stay below which one stands in their rows. Only rules with a changed field in them are checked: many
healthy batteries break others (protocol/rs485.md section 8.6).
"""

from jkcore.fields import codes, table
from jkcore.shim import const
from jkcore.writes import limits, texts
from jkcore.writes.decimals import plain
from jkcore.writes.refusal import CommandError

CHEMISTRIES = ("lfp", "li-ion", "lto")
# Cell over-voltage protection and power-off voltage of the one-key presets, mV (section 4).
_CEILINGS = (3650, 4200, 2700)
_FLOORS = (2500, 2800, 1700)
_LARGE = const(100)  # mV: a cell voltage moved further takes the confirmation word

# Model without its JK_: the current it is rated for, A (section 1.1 and the model numbers themselves).
_RATINGS = (("PB1A16S10P", 100), ("PB1A16S15P", 150), ("PB2A16S15P", 150), ("PB2A16S20P", 200))

# Sources of buzzer and dry contacts that go off when a value is low, and when it is high (section 1.1). A low one is
# released above its trigger, a high one below it.
_LOW_SOURCES = b"\x01\x03\x05\x0b"
_HIGH_SOURCES = b"\x02\x04\x06\x07\x08\x09\x0d"

_MODEL = table.find("model", 3)
_OVP = table.find("cell_overvoltage_protection", 1)
_POWER_OFF = table.find("power_off_voltage", 1)


def preset_values(chemistry: str) -> list:
    """[(row, value)] that a one-key preset leaves behind."""
    i = CHEMISTRIES.index(chemistry)
    return [(_OVP, _CEILINGS[i]), (_POWER_OFF, _FLOORS[i])]


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


def of_cells(chemistry: str):
    """(lowest, highest) cell voltage that may be set, mV."""
    i = CHEMISTRIES.index(chemistry)
    return _FLOORS[i], _CEILINGS[i]


def rating_of(model: str, bound: int):
    """mA a model (without its JK_) is rated for; bound: CURRENT_LIMIT or BALANCE_LIMIT. None: not known."""
    for known, amperes in _RATINGS:
        if known == model:
            return 1000 * (int(known[2]) if bound == codes.BALANCE_LIMIT else amperes)
    return None


def span(limit, pack, chemistry) -> list:
    """[lowest, highest] a row may be set to on this pack, as far as cells and model are known."""
    low, high = limit.low, limit.high
    most = None
    if limit.bound == codes.CELL_VOLTAGE and chemistry in CHEMISTRIES:
        least, most = of_cells(chemistry)
        low = max(low, least)
    elif limit.bound in (codes.CURRENT_LIMIT, codes.BALANCE_LIMIT):
        most = rating_of(model_of(pack), limit.bound)
    return [low, high if most is None else min(high, most)]


def model_of(pack) -> str:
    """The model in a pack's about frame without its JK_ or JK-; "" when it is not known."""
    if not pack.holds(3):
        return ""
    row = table.at(_MODEL)
    frame = pack.frame(3)
    text = ""
    for i in range(row.offset, row.offset + row.decimals):
        if not frame[i]:
            break
        text += chr(frame[i]) if 32 <= frame[i] < 127 else "?"
    return text[3:] if text[:3] in ("JK_", "JK-") else text


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
