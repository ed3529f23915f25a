"""JK's CAN messages as jkbms.dbc describes them: cantools as a second opinion on what simulator and decoder say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cantools
import pytest


def database(frames_dir: Path) -> Any:
    """jkbms.dbc as a cantools database; skips when it is not beside the recordings."""
    path = frames_dir.parent / "protocol" / "jkbms.dbc"
    if not path.is_file():
        pytest.skip("no jkbms.dbc: ../shared/protocol is absent")
    return cantools.database.load_file(path)


def message_of(db: Any, identifier: int, extended: bool, address: int = 0) -> Any:
    """The database's message with this identifier at this device address; None when there is none."""
    for message in db.messages:
        if message.frame_id + address == identifier and message.is_extended_frame == extended:
            return message
    return None


def signals(db: Any, identifier: int, extended: bool, data: bytes, address: int = 0) -> tuple[str, dict[str, Any]]:
    """(name of the message, signal -> physical value, numbers only)."""
    message = message_of(db, identifier, extended, address)
    assert message is not None, f"{identifier:X} is in no message"
    return message.name, dict(message.decode(data, decode_choices=False))


# Signal -> (canonical name, factor from the truth's integers).
MEANS: dict[str, tuple[str, float]] = {
    "BattVolt": ("pack_voltage", 0.001), "BattCurr": ("current", 0.001), "SOC": ("soc", 1),
    "MaxCellVolt": ("cell_voltage_max", 1), "MaxCvNO": ("cell_max_number", 1),
    "MinCellVolt": ("cell_voltage_min", 1), "MinCvNO": ("cell_min_number", 1),
    "MaxCellTemp": ("temperature_max", 0.1), "MaxCtNO": ("temperature_max_index", 1),
    "MinCellTemp": ("temperature_min", 0.1), "MinCtNO": ("temperature_min_index", 1),
    "AvrgCellTemp": ("temperature_average", 0.1),
    "CapRemain": ("capacity_remaining", 0.001), "FulChargeCap": ("capacity_full", 0.001),
    "CycleCount": ("cycle_count", 1),
    "CellTemp1": ("temperature_1", 0.1), "CellTemp2": ("temperature_2", 0.1),
    "CellTemp3": ("mos_temperature", 0.1), "CellTemp4": ("temperature_4", 0.1), "CellTemp5": ("temperature_5", 0.1),
    "BMSRunTime": ("total_runtime", 1), "HeatCur": ("heating_current", 1), "SOH": ("soh", 1),
    "ChgMosSta": ("charge_mos", 1), "DchgMosSta": ("discharge_mos", 1), "BalanSta": ("balancing", 1),
    "HeatSta": ("heating", 1), "ChgDevPlugSta": ("charger_plugged", 1), "ACCSta": ("acc_status", 1),
    "ChgVol": ("charge_request_voltage", 0.001), "ChgCur": ("charge_request_current", 0.001),
    "ChgAndHeat": ("charge_request_heating", 1),
    "DischgTime": ("discharge_time", 1),
    **{f"CellVol{number:02}": (f"cell_voltage_{number}", 1) for number in range(1, 26)},
}  # fmt: skip
