"""Numbers without floats: decimal text -> scaled integer on a grid, and back to text for people.

A float would turn 3.455 V into 3454 mV on a device. What people's automations send is text, and stays text until here.
"""

from jkcore.shim import const
from jkcore.writes.refusal import CommandError

_LONGEST = const(24)  # 3.4550000000000001 and the like come from the floats of others


def scaled(text: str, decimals: int, step: int, name: str) -> int:
    """`text` in units of 10**-decimals, a multiple of `step`; CommandError (about field `name`) when it is none.

    Plain decimals only: digits, a minus before, a point and digits behind. A number within 1/100 step of the grid is
    rounded to it. The whole is done in integers of any size, so nothing is lost whatever the interpreter's float.
    """
    digits, places = _digits(text)
    one = 10**places * step
    number = digits * 10**decimals
    nearest = (2 * number + one) // (2 * one)
    off = number - nearest * one
    if 100 * (-off if off < 0 else off) > one:
        from jkcore.writes import texts

        raise CommandError(texts.OFF_GRID, name, text, plain(step, decimals))
    return nearest * step


def _digits(text: str):
    """(all digits as one number with its sign, how many of them stand behind the point)."""
    whole = count = 0
    places = -1
    start = 1 if text[:1] == "-" else 0
    for i in range(start, len(text) if len(text) <= _LONGEST else 0):
        digit = ord(text[i]) - 48
        if 0 <= digit <= 9:
            whole = 10 * whole + digit
            count += 1
            if places >= 0:
                places += 1
        elif text[i] == "." and places < 0 and count:
            places = 0
        else:
            count = 0
            break
    if not count or not places:
        from jkcore.writes import texts  # long, and not needed by whoever only writes numbers for people

        raise CommandError(texts.NO_NUMBER, shown(text))
    return -whole if start else whole, places if places > 0 else 0


def plain(value: int, decimals: int) -> str:
    """A scaled integer for people: 3600, 3 -> "3.60", 3455, 3 -> "3.455", -200, 1 -> "-20.0"."""
    sign = "-" if value < 0 else ""
    digits = str(-value if value < 0 else value)
    if decimals:
        digits = "0" * (decimals + 1 - len(digits)) + digits
        digits = digits[:-decimals] + "." + digits[-decimals:]
        if decimals > 2 and digits[-1] == "0":
            digits = digits[:-1]
    return sign + digits


def shown(text: str) -> str:
    """What somebody sent, short and harmless enough for a sentence."""
    out = ""
    for letter in text[:40]:
        out += letter if 32 <= ord(letter) < 127 and letter != "'" else "?"
    return out + "..." if len(text) > 40 else out
