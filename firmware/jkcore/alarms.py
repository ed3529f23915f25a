"""The alarm word: short key of each bit (protocol/rs485.md section 7), in the order of the bits."""

KEYS = (
    b"wire_resistance,mos_overtemp,cell_count_mismatch,current_sensor,cell_overvoltage,pack_overvoltage,"
    b"charge_overcurrent,charge_short_circuit,charge_overtemp,charge_undertemp,aux_cpu_comm,cell_undervoltage,"
    b"pack_undervoltage,discharge_overcurrent,discharge_short_circuit,discharge_overtemp,charge_mos_fault,"
    b"discharge_mos_fault,gps_disconnected,change_password,discharge_on_failed,battery_overtemp,temp_sensor_fault,"
    b"pcl_module_fault,scp_release_failed,discharge_ocp_2,discharge_ocp_3,discharge_undertemp,gps_remote_lock,"
)


def put_list(message, high: int, low: int, pack=None, more: int = 0) -> None:
    """Append the JSON list of the keys of all bits set; bits nobody knows appear as bit_<n>.

    pack: whose word it is, None: one of RS485; more: alarms of more_alarms() of the pack, behind them.
    """
    message.put_byte(91)
    _put_keys(message, high, low, 32 if pack is None else pack.named)
    if more:
        pack.put_more_alarms(message, more, high or low)
    message.put_byte(93)


def _put_keys(message, high: int, low: int, named: int) -> None:
    comma = False
    start = 0
    for bit in range(32):
        end = KEYS.find(b",", start)  # -1 behind the last key
        if (high if bit > 15 else low) >> (bit & 15) & 1:
            message.put(b',"' if comma else b'"')
            comma = True
            if end < 0 or bit >= named:
                message.put(b"bit_")
                message.put_fixed(bit, 0)
            else:
                for i in range(start, end):
                    message.put_byte(KEYS[i])
            message.put_byte(34)
        start = end + 1 if end >= 0 else len(KEYS)
