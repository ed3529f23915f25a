"""A simulated RS485 line full of JK PB packs: a real speaker of protocol/rs485.md, apart from jkcore.

In memory, with a clock of your own:

    line = make_line([1, 2], firmware="15.41")
    line.write(bytes.fromhex("01 10 16 20 00 01 02 00 00 D6 F1"), now_ms)
    unit = line.read(now_ms)                        # 308 bytes
    line.slaves[1].truth(now_ms, "live")["soc"]     # what they say

Settings are written as on the wire, and go wrong when a test wants them to:

    line.fault("ignored", 1, register=0x1078)       # acked, nothing changes
    line.slaves[1].writes.log[-1].fate              # what became of the last write
    line.slaves[1].settings()["balance_switch"]     # what the pack keeps

With a bus master and a second program on the wires:

    line = make_line([1, 2], master="14.20", paced=True)
    second = line.host()                            # hears and speaks like line itself
    line.master.off(now_ms)

For programs: Server(line, tcp="127.0.0.1:0") or Server(line, pty=True); for people: `jkbridge simulate`.
"""

from .battery import STORIES, Battery
from .day import Day
from .faults import KINDS as FAULT_KINDS
from .faults import WRITE_KINDS as WRITE_FAULTS
from .faults import Fault, parse_fault
from .host import Host
from .line import Line
from .make import make_line
from .master import Master
from .profiles import PROFILES, Profile
from .registers import ORDERS
from .server import Server
from .slave import Slave
from .writes import Write, Writes

__all__ = [
    "FAULT_KINDS", "ORDERS", "PROFILES", "STORIES", "WRITE_FAULTS", "Battery", "Day", "Fault", "Host", "Line", "Master",
    "Profile", "Server", "Slave", "Write", "Writes", "make_line", "parse_fault",
]
