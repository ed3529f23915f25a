"""A CAN bus of the core with messages made by hand, for tests on both interpreters; and what the signals of jkbms.dbc
are called here. The packs are in can_battery.py.
"""

import json

from jkcore import can, config
from jkcore.bridge import Bridge
from jkcore.canpack import CanPack
from jkcore.fields import codes, table
from jkcore.message import HEAD

# Signal -> canonical name. The levels of alarms and the bits of the alarm word are below.
MEANS = {
    "BattVolt": "pack_voltage", "BattCurr": "current", "SOC": "soc", "DischgTime": "discharge_time",
    "MaxCellVolt": "cell_voltage_max", "MaxCvNO": "cell_max_number",
    "MinCellVolt": "cell_voltage_min", "MinCvNO": "cell_min_number",
    "MaxCellTemp": "temperature_max", "MaxCtNO": "temperature_max_index",
    "MinCellTemp": "temperature_min", "MinCtNO": "temperature_min_index", "AvrgCellTemp": "temperature_average",
    "CapRemain": "capacity_remaining", "FulChargeCap": "capacity_full", "CycleCap": "cycle_capacity",
    "CycleCount": "cycle_count", "TempMaskCode": "temperature_mask",
    "CellTemp1": "temperature_1", "CellTemp2": "temperature_2", "CellTemp3": "mos_temperature",
    "CellTemp4": "temperature_4", "CellTemp5": "temperature_5",
    "BMSRunTime": "total_runtime", "HeatCur": "heating_current", "SOH": "soh",
    "ChgMosSta": "charge_mos", "DchgMosSta": "discharge_mos", "BalanSta": "balancing", "HeatSta": "heating",
    "ChgDevPlugSta": "charger_plugged", "ACCSta": "acc_status",
    "ChgVol": "charge_request_voltage", "ChgCur": "charge_request_current", "ChgDevSw": "charge_request",
    "ChgAndHeat": "charge_request_heating",
    "AlmCellOV": "alarm_cell_overvoltage", "AlmCellUV": "alarm_cell_undervoltage",
    "AlmPackOV_V1": "alarm_pack_overvoltage", "AlmPackUV_V1": "alarm_pack_undervoltage",
    "AlmCellDiff": "alarm_cell_difference", "AlmDischgOC": "alarm_discharge_overcurrent",
    "AlmChgOC": "alarm_charge_overcurrent", "AlmTempHigh": "alarm_temperature_high",
    "AlmTempLow": "alarm_temperature_low", "AlmTempDiff_V1": "alarm_temperature_difference",
    "AlmSOCLow": "alarm_soc_low", "AlmInsulation_V1": "alarm_insulation",
    "AlmHVInterlock_V1": "alarm_high_voltage_interlock", "AlmExtComm_V1": "alarm_external_communication",
    "AlmIntComm": "alarm_internal_communication",
    "MaskChg": "control_charge_mask", "MaskDchg": "control_discharge_mask", "MaskBalan": "control_balance_mask",
    "ChgSw": "control_charge", "DchgSw": "control_discharge", "BalanSw": "control_balance",
    "UndocVolt": "undocumented_voltage", "UndocCurr": "undocumented_current", "UndocTemp": "undocumented_temperature",
    "UndocWord3": "undocumented_word",
}  # fmt: skip
# Millivolts, milliamperes and seconds are what the signal is in, not the row.
IN_RAW = ("MaxCellVolt", "MinCellVolt", "HeatCur", "BMSRunTime")
FAULTS = (
    "ErrWireRes ErrMosOT ErrCellCount ErrCurSensor ErrCellOV ErrPackOV ErrChgOC ErrChgShort ErrChgOT ErrChgUT "
    "ErrIntComm ErrCellUV ErrPackUV ErrDischgOC ErrDischgShort ErrDischgOT ErrChgMos ErrDischgMos"
).split(" ")
ROWS = {table.name(r): r for block in (2, 0) for r in range(table.first(block), table.last(block))}
PLAIN = CanPack(b"0", 0, "", False, True)


def of_signal(signal, value):
    """(row, the number Pack.scaled must give) of a signal of jkbms.dbc with its physical value."""
    if signal.startswith("CellVol"):
        return ROWS["cell_voltage_%d" % int(signal[7:])], value
    r = ROWS[MEANS[signal]]
    if signal == "ChgDevSw":
        return r, 0 if value else 1
    if signal in IN_RAW:
        return r, value if value < 1 << 30 else None
    number = value * 10 ** table.at(r).decimals
    return r, int(number + 0.5 if number >= 0 else number - 0.5)


def disagreement(ident, extended, data, signals):
    """The first signal that this decoder and `signals` (name -> physical value) differ on, as a sentence; "" for none.
    Whole messages only."""
    kind = can.classify(ident, extended) >> 4
    PLAIN.keep(data, kind)
    if kind == codes.BMSERR_INFO:
        word = PLAIN.half(ROWS["alarms"], False) | (PLAIN.half(ROWS["alarms"], True) << 16)
        bits = sum([signals[name] << bit for bit, name in enumerate(FAULTS)]) | signals["ErrReserved"] << 18
        return "" if word == bits else "alarms: %d, not %d" % (word, bits)
    for signal in signals:
        r, wanted = of_signal(signal, signals[signal])
        found = PLAIN.scaled(r)
        if found != wanted:
            return "%s: %s, not %s" % (signal, found, wanted)
    return ""


class Can:
    """A bridge with one CAN bus, a session that takes everything, and a clock of its own."""

    def __init__(self, interval=5, start=1000, **bus):
        self.said = []
        self.messages = []
        raw = {"kind": "can", "channel": "can0"}
        raw.update(bus)
        self.config = config.load({"interval": interval, "bus": raw}, "host")
        self.bridge = Bridge(self.config, self._log, b"aabbccdd", "test", "test", 1000)
        self.bus = self.bridge.buses[0]
        self.start = start
        self.ms = 0
        self.bus.opened(self.now())
        self.bridge.connected(self.now())

    def now(self):
        return (self.start + self.ms) & 0x3FFFFFFF

    def _log(self, level, text):
        self.said.append((level, text))

    def feed(self, base, data, address=0, flags=0):
        """A data frame with all its bytes, or with flags of can.py."""
        flags |= can.EXTENDED if base > 0x7FF else 0
        self.bus.feed_frame(base + address, flags or 0, data, self.now())

    def send(self, base, data, address=0):
        self.feed(base, data, address, 8)

    def run(self, ms, each=None):
        """Let time pass in steps of 50 ms; each(n) is called every 100 ms."""
        for n in range(ms // 50):
            if each is not None and not n % 2:
                each(n // 2)
            self.bridge.tick(self.now())
            while self.bridge.next_message(self.now()):
                message = self.bridge.message
                topic = bytes(message.buf[HEAD : message.topic_end]).decode()
                self.messages.append((self.ms, topic, bytes(message.buf[message.topic_end : message.end]).decode()))
            self.ms += 50

    def payloads(self, topic):
        """What was published there, JSON read."""
        return [json.loads(text) for _, name, text in self.messages if name == "jkbms/" + topic]

    def texts(self, topic):
        return [text for _, name, text in self.messages if name == "jkbms/" + topic]

    def warnings(self):
        return [text for level, text in self.said if level >= 30]
