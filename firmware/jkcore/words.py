"""What Home Assistant calls things: labels, device classes, precision. Loaded by discovery only, never for decoding.

Long texts with one entry per line, looked through when an entity is announced: objects per word cost a device 8 kB.
Sources: Home Assistant's MQTT sensor and binary_sensor documents (units allowed per device class, state classes).
"""

from jkcore.fields import codes, table

# Labels are the field names with blanks; these words are written otherwise.
_SPELLED = """
mos=MOSFET
soc=state of charge
soh=state of health
ocp=over-current
scp=short-circuit
uvp=under-voltage
ovp=over-voltage
rtc=clock
2020=since 2020
pcl=current limiter
acc=ACC
gps=GPS
lcd=LCD
rs485=RS485
can=CAN
uart=UART
uart1=UART1
uart2=UART2
uart3=UART3
soc100=SOC 100 %
soc0=SOC 0 %
rcv=absorption
rfv=float
dry1=dry contact 1
dry2=dry contact 2
undervoltage=under-voltage
overvoltage=over-voltage
overcurrent=over-current
overtemperature=over-temperature
undertemperature=under-temperature
detail=event
pack=voltage
odd=stored
max=maximum
min=minimum
"""
_LABELS = """
pack_voltage=Voltage
cell_max_number=Highest cell
cell_min_number=Lowest cell
cell_voltage_max=Highest cell voltage
cell_voltage_min=Lowest cell voltage
cell_voltage_average=Average cell voltage
cell_voltage_delta=Cell voltage difference
charge_mos=Charge MOSFET
discharge_mos=Discharge MOSFET
cycle_capacity=Cycled capacity
capacity_full=Full capacity
capacity_remaining=Remaining capacity
time_enter_sleep=Time to sleep
charge_status=Charge phase
charge_status_time=Time in charge phase
alarms=Alarm word
system_ticks=Time since boot
total_runtime=Total run time
heating=Heating
detail_log_count=Event log entries
rtc_seconds_2020=Clock (seconds since 2020)
pcl_disabled=Current limiter disabled
lcd_buzzer_trigger=Buzzer trigger
"""
# By code of the unit: its text, device class, most decimals worth showing.
_UNITS = """
0=,,0
1=V,voltage,3
2=A,current,2
3=W,power,0
4=Ah,,1
5=%,,0
6=°C,temperature,1
7=Ω,,3
8=s,duration,0
9=h,duration,1
10=min,duration,0
11=µs,duration,0
12=µΩ,,0
"""

# Entities that are no row of the table: component, field, label, topic, value template, further JSON members.
# An alarm list in a template is written @.
PACK_EXTRAS = """\
binary_sensor~problem~Problem~live~{{ 'ON' if @|reject('eq','change_password')|list else 'OFF' }}~"dev_cla":"problem"
sensor~alarm_list~Alarms~live~{{ (@|join(', ')|replace('_',' ') or 'none')[:250] }}~"ic":"mdi:alert-outline"
event~event~Event~event~~"evt_typ":["alarm_raised","alarm_cleared","setting_changed"]
sensor~data_age~Data age~link~{{ value_json.age|default(none) }}~\
"dev_cla":"duration","unit_of_meas":"s","sug_dsp_prc":0,"ent_cat":"diagnostic","en":false
sensor~link_timeouts~Unanswered requests~link~{{ value_json.timeouts|default(none) }}~\
"stat_cla":"total_increasing","sug_dsp_prc":0,"ent_cat":"diagnostic","en":false
sensor~link_damaged~Damaged answers~link~{{ value_json.damaged|default(none) }}~\
"stat_cla":"total_increasing","sug_dsp_prc":0,"ent_cat":"diagnostic","en":false
"""
BRIDGE_EXTRAS = """\
binary_sensor~connection~Connection~state~~\
"dev_cla":"connectivity","pl_on":"online","pl_off":"offline","ent_cat":"diagnostic"
sensor~packs_online~Packs online~health~{{ value_json.packs_online|default(none) }}~\
"stat_cla":"measurement","sug_dsp_prc":0,"ent_cat":"diagnostic"
sensor~bus_state~Bus~health~{{ (value_json.bus|default([{}]))[0].state|default(none) }}~\
"ic":"mdi:serial-port","ent_cat":"diagnostic"
sensor~uptime~Uptime~health~{{ value_json.uptime|default(none) }}~\
"dev_cla":"duration","unit_of_meas":"s","sug_dsp_prc":0,"ent_cat":"diagnostic","en":false
sensor~loop_gap~Longest loop gap~health~{{ value_json.loop_gap|default(none) }}~\
"dev_cla":"duration","unit_of_meas":"ms","sug_dsp_prc":0,"ent_cat":"diagnostic","en":false
sensor~frames~Frames received~health~{{ (value_json.bus|default([{}]))[0].frames|default(none) }}~\
"stat_cla":"total_increasing","sug_dsp_prc":0,"ent_cat":"diagnostic","en":false
sensor~machine_signal~WiFi signal~health~{{ value_json.rssi|default(none) }}~\
"dev_cla":"signal_strength","unit_of_meas":"dBm","stat_cla":"measurement","sug_dsp_prc":0,\
"ent_cat":"diagnostic","en":false
sensor~machine_reset~Reason of the last start~health~{{ value_json.reset|default(none) }}~\
"ic":"mdi:restart-alert","ent_cat":"diagnostic","en":false
sensor~machine_heap_low~Least free memory~health~{{ value_json.heap_low|default(none) }}~\
"dev_cla":"data_size","unit_of_meas":"B","stat_cla":"measurement","sug_dsp_prc":0,"ent_cat":"diagnostic","en":false
"""
_LIST = "value_json.alarm_list|default([])"


def extra(lines: str, number: int):
    """Line `number` of PACK_EXTRAS or BRIDGE_EXTRAS as a list of its six texts; None behind the last."""
    start = 0
    while number:
        start = lines.find("\n", start) + 1
        number -= 1
    end = lines.find("\n", start)
    return lines[start:end].replace("@", _LIST).split("~") if end > start else None


def _look_up(lines: str, key: str):
    start = lines.find("\n" + key + "=")
    if start < 0:
        return None
    start += len(key) + 2
    return lines[start : lines.find("\n", start)]


def label(name: str) -> str:
    """Plain English name of a field: cell_voltage_3 -> "Cell voltage 3"."""
    text = _look_up(_LABELS, name)
    if text is None:
        text = " ".join([_look_up(_SPELLED, word) or word for word in name.split("_")])
    return text[0].upper() + text[1:]


def unit(row) -> list:
    """[text, device class, most decimals worth showing] of a row's unit."""
    return _look_up(_UNITS, str(row.unit)).split(",")


def device_class(row):
    """Home Assistant's device class of a row, "" for none."""
    group = row.ha & codes.CLASS_MASK
    if group == codes.BATTERY:
        return "battery"
    if group == codes.RUNNING:
        return "running"
    if group == codes.MEASURED:
        return ""
    return "enum" if table.options(row) else unit(row)[1]


def state_class(row):
    """Home Assistant's state class: live numbers are measurements or counters, settings and about are neither ("")."""
    if row.frame_type != 2 or row.show not in (codes.NUMBER, codes.ALARMS) or row.kind == codes.MASK32:
        return ""
    return "total_increasing" if row.ha & codes.CLASS_MASK == codes.TOTAL else "measurement"


def precision(row):
    """Decimals to show; None for what is no number."""
    if row.show != codes.NUMBER or row.kind == codes.TEXT:
        return None
    most = int(unit(row)[2])
    return row.decimals if row.decimals < most else most
