"""docs/settings.md: what a command may change, written from the field table. `python tools/settings_doc.py` writes it.

tests/test_settings_doc.py fails when the page and the table say different things.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "firmware"))

from jkcore import words  # noqa: E402
from jkcore.fields import codes, table  # noqa: E402
from jkcore.writes import actions, encode, limits  # noqa: E402
from jkcore.writes.decimals import plain  # noqa: E402

PAGE = ROOT / "docs" / "settings.md"
_HEAD = """\
# What can be changed

Written by `python tools/settings_doc.py` from the field table (`firmware/jkcore/fields/settings.py`, `about.py`), which
is the only place that knows these limits. How to change settings: [README](../README.md#changing-settings).

`writes = "safe"` allows the first table, `"all"` the second too; the third takes the confirmation word in the command
as well. Cell voltages need `chemistry` of the pack, whose limits then count beside the range. "Below" and "at most" are
checked against what the pack is set to now. Registers are those of protocol JK Modbus V1.1. "Untested" is what nobody
has recorded on a battery: only the vendor's description of it is known, and there is nothing to read back.
"""
_TITLES = {
    codes.TIER_SAFE: "Safe",
    codes.TIER_ALL: "All",
    codes.DANGEROUS: "Dangerous: `all`, and the confirmation word",
}
_NOTES = {
    codes.CELL_VOLTAGE: "cell voltage",
    codes.CURRENT_LIMIT: "lowering is safe; raising up to the rating of the model",
    codes.BALANCE_LIMIT: "up to the rating of the model",
    codes.ON_IS_SAFE: "switching ON is safe",
}


def page() -> str:
    """The whole page."""
    every = limits.every()
    out = [_HEAD]
    for tier, title in _TITLES.items():
        out += [f"## {title}", "", "| field | values | register | beside that |", "| --- | --- | --- | --- |"]
        out += [_row(limit) for limit in every if limit.tier == tier]
        if tier == codes.DANGEROUS:
            out += [_action(actions.FIRST + i) for i in range(len(actions.names()))]
        out.append("")
    return "\n".join(out).rstrip() + "\n"


def _row(limit: limits.Limit) -> str:
    row = table.at(limit.row)
    notes = [_NOTES[limit.bound]] if limit.bound in _NOTES else []
    if limit.below >= 0:
        notes.append(f"{'at most' if limit.may_equal else 'below'} `{table.name(limit.below)}`")
    name, register = table.name(limit.row), encode.register_of(limit.row)
    return f"| `{name}` | {_values(limit, row)} | 0x{register:04X} | {'; '.join(notes)} |"


def _values(limit: limits.Limit, row: table.Row) -> str:
    if row.show == codes.SWITCH:
        return "`ON`, `OFF`"
    options = table.options(row)
    if options:
        return ", ".join(f"`{option.decode()}`" for option in options)
    low, high, step = (plain(value, row.decimals) for value in (limit.low, limit.high, limit.step))
    unit = words.unit(row)[0]
    return f"{low} to {high}{' ' + unit if unit else ''}, steps of {step}"


def _action(action: int) -> str:
    name, _, wide, decimals, low, high = actions.entry(action)
    values = f"{plain(low, decimals)} to {plain(high, decimals)}" if wide == 2 else "`PRESS`"
    note = "all that follows from the chemistry is read back" if actions.cells(action) else "untested"
    if actions.expected(action):
        note += f"; near `{actions.expected(action)}`, read at most 5 s before"
    return f"| `{name}` | {values} | 0x{encode.register_of(action):04X} | {note} |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"Written: {PAGE.relative_to(ROOT)}")
