"""The bytes of a write, and its register: FC16 of one 16-bit or two 16-bit words (protocol/rs485.md section 8.1).

There is no way to a register but through a row that may be changed (limits.py) or an action (actions.py).
"""

from jkcore import modbus
from jkcore.fields import codes, table
from jkcore.writes import actions, limits


def register_of(r: int) -> int:
    """Register of a row or an action; ValueError for what may not be changed."""
    return 0x1600 + actions.entry(r)[1] if r >= actions.FIRST else limits.register(r)


def words_of(r: int) -> int:
    """Its width in 16-bit words."""
    return actions.entry(r)[2] if r >= actions.FIRST else limits.words(r)


def put_write(tx, address: int, rows, values, pack) -> int:
    """Write the request that sets `rows` (all of one register) to `values` into tx; returns its length, 11 or 13.

    pack: holds the frame from which the rest of a shared register is taken; it must be fresh.
    """
    register = register_of(rows[0])
    words = words_of(rows[0])
    tx[0] = address
    tx[1] = modbus.WRITE_MULTIPLE
    tx[2] = register >> 8
    tx[3] = register & 0xFF
    tx[4] = 0
    tx[5] = words
    tx[6] = 2 * words
    if words == 2:
        for i in range(4):  # two's complement, most significant byte first
            tx[7 + i] = values[0] >> (24 - 8 * i) & 0xFF
    else:
        _put_word(tx, rows, values, pack)
    end = 7 + 2 * words
    crc = modbus.crc16(tx, 0, end)
    tx[end] = crc & 0xFF
    tx[end + 1] = crc >> 8
    return end + 2


def _put_word(tx, rows, values, pack) -> None:
    """tx[7:9]: the register as the battery has it, with `rows` changed."""
    tx[7] = tx[8] = 0
    if rows[0] >= actions.FIRST:
        return
    row = table.at(rows[0])
    frame = pack.frame(row.frame_type)
    if row.kind == codes.BIT:
        at = row.offset >> 4
        word = frame[at] | frame[at + 1] << 8
        for i in range(len(rows)):
            bit = 1 << (table.at(rows[i]).offset & 15)
            word = word | bit if values[i] else word & ~bit
        tx[7] = word >> 8
        tx[8] = word & 0xFF
        return
    at = row.offset & ~1  # of two bytes the first is the high one
    tx[7] = frame[at]
    tx[8] = frame[at + 1]
    for i in range(len(rows)):
        tx[7 + (table.at(rows[i]).offset & 1)] = values[i] & 0xFF
