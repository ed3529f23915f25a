"""A command against the pack's own settings: every check, and the writes in an order in which each step is legal.

The battery enforces the order of its cell voltages (protocol/rs485.md section 8.6), so a group goes out such that the
rules hold after every single write; fields of one register go out together.
"""

from jkcore.fields import codes, table
from jkcore.shim import const
from jkcore.writes import actions, encode, limits, lock, rules, texts
from jkcore.writes.decimals import plain
from jkcore.writes.refusal import CommandError

_SETTINGS = const(1)
_LIVE = const(2)
_ABOUT = const(3)

_ADDRESS = table.find("device_address", _SETTINGS)


class Step:
    """One write."""

    def __init__(self, r: int):
        self.register = encode.register_of(r)
        self.words = encode.words_of(r)
        self.kind = _SETTINGS if r >= actions.FIRST else table.at(r).frame_type  # of the frame it is read back from
        self.rows = []
        self.values = []
        self.expected = []  # (row, value) that must be read back


def kinds(command) -> list:
    """Types of the frames that are read for a command, to be checked against. About is one where a field of it, the
    rating of the model or the firmware matters: what the pack holds of it may be a quarter of an hour old, and of a BMS
    that has been replaced. Live is one for a calibration.
    """
    found = []
    for r in command.rows:
        kind = _SETTINGS
        if r < actions.FIRST:
            limit = limits.of(r)
            kind = table.at(r).frame_type
            rated = limit.bound in (codes.CURRENT_LIMIT, codes.BALANCE_LIMIT)
            if (rated or table.at(r).when) and _ABOUT not in found:
                found.append(_ABOUT)
        if kind not in found:
            found.append(kind)
        if r >= actions.FIRST and actions.expected(r):
            found.append(_LIVE)
    return found


def make(command, reading, pack, level: int, chemistry) -> list:
    """The Steps of a command; CommandError with the reason.

    reading: a Pack with fresh frames of the pack; pack: the Pack itself, for live values; chemistry: one of
    bounds.CHEMISTRIES or anything else for not known.
    """
    if reading.holds(_SETTINGS) and reading.scaled(_ADDRESS) != pack.address:
        raise CommandError(texts.OTHER_ADDRESS, pack.address, reading.scaled(_ADDRESS) or 0)
    state = {}
    changed = []
    for i in range(len(command.rows)):
        r = command.rows[i]
        value = command.asked[i]
        try:
            if r >= actions.FIRST:
                _check_action(r, value, pack, chemistry)
            elif _check_field(limits.of(r), value, reading, command, level, chemistry) != value:
                changed.append(r)
        except CommandError as why:
            why.field = command.names[i]
            raise
        state[r] = value
    rules.check(reading, state, changed)
    steps = _steps(command, chemistry, reading.firmware)
    for step in steps:
        _check_rest(step, reading)
    return _ordered(steps, reading)


def _check_field(limit, value: int, reading, command, level: int, chemistry) -> int:
    """Checks of one field; returns what it is set to now."""
    r = limit.row
    if not reading.present(r):
        raise CommandError(texts.NO_ROW, table.name(r))
    now = reading.scaled(r)
    if now is None:
        raise CommandError(texts.UNREADABLE, table.name(r))
    if r == _ADDRESS and not value and now:
        raise CommandError(texts.SECOND_MASTER)
    if limit.bound == codes.CELL_VOLTAGE:
        rules.check_cell_voltage(limit, value, now, chemistry, command.confirmed, command.word)
    elif limit.bound in (codes.CURRENT_LIMIT, codes.BALANCE_LIMIT):
        rules.check_rating(limit, value, now, reading)
        if value > now and level < limit.tier:
            raise CommandError(texts.TIER, "raising " + table.name(r), lock.WORDS[limit.tier], lock.WORDS[level])
    return now


def _check_action(action: int, value: int, pack, chemistry) -> None:
    name, _, _, places, _, _ = actions.entry(action)
    cells = actions.cells(action)
    if cells and cells != chemistry:
        raise CommandError(texts.PRESET, name, cells, str(chemistry))
    field = actions.expected(action)
    if field:
        live = pack.scaled(table.find(field, 2)) if pack.online and pack.holds(2) else None
        if live is None:
            raise CommandError(texts.NO_LIVE, name)
        if not actions.close(action, value, live):
            raise CommandError(texts.CALIBRATION, name, plain(value, places), plain(live, places))


def _steps(command, chemistry, firmware: int) -> list:
    """One Step per register, in the order of the command."""
    found = []
    for i in range(len(command.rows)):
        r = command.rows[i]
        step = None
        for other in found:
            if other.register == encode.register_of(r):
                step = other
        if step is None:
            step = Step(r)
            found.append(step)
        step.rows.append(r)
        step.values.append(command.asked[i])
        if r < actions.FIRST:
            step.expected.append((r, command.asked[i]))
        elif actions.cells(r):
            from jkcore.writes import presets

            step.expected = presets.values(chemistry, firmware)
    return found


def _check_rest(step, reading) -> None:
    """The other byte of a register goes out as it was read: it must be one that may be sent (no RCV time of 0)."""
    if step.words != 1 or step.rows[0] >= actions.FIRST or table.at(step.rows[0]).kind == codes.BIT:
        return
    for limit in limits.every():
        r = limit.row
        if r in step.rows or table.at(r).frame_type != step.kind or encode.register_of(r) != step.register:
            continue
        value = reading.scaled(r)
        if value is None:
            raise CommandError(texts.UNREADABLE, table.name(r))
        if not limit.low <= value <= limit.high:
            words = [plain(number, table.at(r).decimals) for number in (value, limit.low, limit.high)]
            raise CommandError(texts.REST, table.name(r), words[0], words[1], words[2])


def _ordered(steps: list, reading) -> list:
    """The steps such that the rules hold after each of them.

    Taking any step that is legal now never spoils the rest: a pair that must stay in order allows one of its two
    writes first or either, so what is left in the end has no order at all.
    """
    state = {}
    out = []
    while steps:
        why = None
        for step in steps:
            after = dict(state)
            after.update(step.expected)
            try:
                check_step(step, reading, after, state)
            except CommandError as refused:
                why = why or refused
                continue
            state = after
            out.append(step)
            steps.remove(step)
            why = None
            break
        if why:
            raise CommandError(texts.NO_ORDER, texts.sentence(why.code, why.values))
    return out


def check_step(step, reading, after: dict, before: dict) -> None:
    """The rules that a step touches, with `after` on top of the reading; before: what was on top until then.

    A preset replaces what its values would be compared with.
    """
    if step.rows[0] >= actions.FIRST:
        return
    moved = [r for r, value in step.expected if rules.value_of(reading, before, r) != value]
    rules.check(reading, after, moved)
