"""How far a value may be moved by what is known of the pack: the chemistry of its cells and the rating of its model.

Apart from the rules because Home Assistant is told the same bounds, on a device while there is little memory.
Sections are those of protocol/rs485.md.
"""

from jkcore.fields import codes, table

CHEMISTRIES = ("lfp", "li-ion", "lto")
# Cell over-voltage protection and power-off voltage of the one-key presets, mV (section 4).
_CEILINGS = (3650, 4200, 2700)
_FLOORS = (2500, 2800, 1700)

# Model without its JK_: the current it is rated for, A (section 1.1 and the model numbers themselves).
_RATINGS = (("PB1A16S10P", 100), ("PB1A16S15P", 150), ("PB2A16S15P", 150), ("PB2A16S20P", 200))

_MODEL = table.find("model", 3)


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
