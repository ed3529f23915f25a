"""Writes rows into the table; used by live.py, settings.py and about.py while they are imported, then forgotten."""

from jkcore.fields import codes, table

_writing = [0]  # the frame type whose rows are being added


def block(frame_type: int) -> None:
    """The rows that follow stand in frames of this type."""
    _writing[0] = frame_type
    table.FIRST[frame_type] = len(table.OFFSETS)


def row(
    name,
    offset,
    kind,
    decimals=0,
    unit=codes.NONE,
    show=codes.NUMBER,
    ha=codes.NOWHERE,
    who=codes.ALL,
    when=codes.ALWAYS,
    count=1,
    stride=0,
    number=1,
):
    """Add a field to the table.

    name      canonical name (bytes), key in JSON, in topics and unique ids
    offset    of its first byte in the 300-byte frame
    kind      how it is read; TEXT: `decimals` is the length in bytes
    decimals  the raw number is in units of 10**-decimals `unit`
    count     > 1: as many rows, `stride` bytes apart, named with a number from `number` on (cell_voltage_1, ...)
    """
    base = offset if count > 1 else 0
    first = number if count > 1 else 0
    form = _form(bytes((kind, decimals, unit, show, ha, who, when, _writing[0], stride, first, base)))
    start = len(table.NAMES)
    table.NAMES.extend(name)
    table.NAMES[-1] |= 128
    for i in range(count):
        table.OFFSETS.append(offset + i * stride)
        table.STARTS.append(start)
        table.FORMS_USED.append(form)
    table.LAST[_writing[0]] = len(table.OFFSETS)


def _form(wanted: bytes) -> int:
    """Number of the form that has these bytes, a new one if need be."""
    forms = table.FORMS
    for i in range(0, len(forms), table.FORM):
        if forms[i : i + table.FORM] == wanted:
            return i // table.FORM
    forms.extend(wanted)
    return len(forms) // table.FORM - 1
