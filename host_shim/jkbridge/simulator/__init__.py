"""A simulated RS485 line full of JK PB packs: a real speaker of protocol/rs485.md, apart from jkcore. CAN too.

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

On CAN, where packs speak by themselves (protocol/can.md):

    line = make_can([0, 1], bitrate=250_000)
    for sent in line.read(now_ms): ...              # frames, in order, with their times
    line.packs[0].truth(now_ms)["soc"]

For programs: CanServer(line, "udp_multicast", "239.74.163.2"), write_log(line, "bus.log", 60);
Server(line, tcp="127.0.0.1:0") or Server(line, pty=True); for people: `jkbridge simulate`.
"""

from .battery import STORIES, Battery
from .can_faults import CAN_KINDS, CanFault
from .can_line import CanLine
from .can_make import make_can
from .can_pack import CanPack
from .can_server import CanServer, write_log
from .can_wire import Frame, Sent
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
    "CAN_KINDS", "FAULT_KINDS", "ORDERS", "PROFILES", "STORIES", "WRITE_FAULTS", "Battery", "CanFault", "CanLine",
    "CanPack", "CanServer", "Day", "Fault", "Frame", "Host", "Line", "Master", "Profile", "Sent", "Server", "Slave",
    "Write", "Writes", "make_can", "make_line", "parse_fault", "write_log",
]
