"""The configuration of both homes: which keys exist, what they may hold, and what is said when they do not.

`load` turns what a JSON, TOML or environment reader found into a complete dict, or raises ConfigError with a
sentence. The table below is the only place that knows a key's type, limits and default; the host makes its
example file, flags and environment names from it. It is one text because on a device a tuple per row costs
far more memory; after `load` a device may drop this module and config_texts.py from sys.modules. What several keys
must be together is in config_checks.py.
Tests: tests/shared/test_config.py.
"""

from jkcore.config_texts import (
    HIDDEN,
    MASK,
    ConfigError,
    allowed_text,
    distance,
    example,
    found,
    lacking,
    shown,
    split,
    unknown,
)  # fmt: skip
from jkcore.shim import forget

__all__ = ("LISTS", "REQUIRED", "TABLES", "ConfigError", "allowed_text", "default_of", "distance", "load",
           "parse_packs", "public", "rows")  # fmt: skip

# key | type | allowed | default | example | homes (h = host, d = device)
# int: range a..b or choices; text: length a..b; word: [A-Za-z0-9_-], length; option: one of the words;
# topic: MQTT topic without wildcards; secret and path: text that never leaves the bridge;
# packs: Modbus addresses of the range.
_SCHEMA = """\
interval|int|0..3600|5|5|hd
base|word|1..32|jkbms|jkbms|hd
log|option|trace,debug,info,warning,error,fatal|info|info|hd
flat|bool||false|true|hd
writes|option|off,safe,all|off|safe|hd
unlock|option|off,safe,all|off|safe|hd
capture|path|0..256||bus.txt|hd
capture_size|int|1..1000|10|10|h
capture_files|int|1..100|3|3|h
bus.kind|option|serial,can|serial|can|hd
bus.port|text|0..200||/dev/ttyUSB0|hd
bus.interface|text|0..40||socketcan|h
bus.channel|text|0..200||can0|h
bus.bitrate|int|0,250000,500000|0|500000|hd
bus.listen_only|bool||true|false|hd
bus.probe|bool||false|true|h
bus.sign|option|normal,inverted|normal|inverted|hd
bus.baud|int|9600,19200,38400,57600,115200,230400,460800,921600|115200|115200|hd
bus.packs|packs|0..15|1-15|1-4,7|hd
bus.role|option|auto,poll,listen|auto|auto|hd
bus.ask_about|bool||false|true|hd
bus.name|text|0..40||Garage|hd
bus.prefix|word|0..16||b2-|hd
mqtt.host|text|0..253||192.168.1.10|hd
mqtt.port|int|1..65535|1883|1883|hd
mqtt.user|secret|0..256||jkbridge|hd
mqtt.password|secret|0..256||secret|hd
mqtt.tls|bool||false|true|hd
mqtt.ca|path|0..256||ca.crt|hd
mqtt.cert|path|0..256||client.crt|hd
mqtt.key|path|0..256||client.key|hd
mqtt.client_id|word|0..64||jkbridge-garage|hd
mqtt.keepalive|int|5..3600|15|15|hd
wifi.ssid|secret|0..32||MyWiFi|d
wifi.password|secret|0..64||secret12|d
wifi.hostname|word|1..32|jkbridge|jkbridge|d
discovery.enabled|bool||true|false|hd
discovery.prefix|topic|1..64|homeassistant|homeassistant|hd
discovery.status|topic|1..128|homeassistant/status|homeassistant/status|hd
pack.address|int|0..15||1|hd
pack.id|word|1..18||b2-3|hd
pack.rs485|int|0..15||1|hd
pack.can|int|0..15||0|hd
pack.name|text|1..40||Garage left|hd
pack.chemistry|option|lfp,li-ion,lto||lfp|hd
"""

TABLES = ("bus", "mqtt", "wifi", "discovery", "pack")
LISTS = ("bus", "pack")
# What an entry of a table cannot do without, unless it pairs two; every other key has a default.
REQUIRED = ("pack.name",)

_WORD = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"


def rows():
    """All rows of the table, one [key, type, allowed, default, example, homes] at a time, all text."""
    for line in _SCHEMA.split("\n"):
        if line:
            yield line.split("|")


def load(raw: dict, home: str) -> dict:
    """The complete configuration for `home` ("host" or "device") out of `raw` as JSON or TOML gave it.

    Every key of the table is present in the result, but those of the other kind of bus; `bus` and `pack` are lists of
    dicts, `bus[n]["packs"]` is a list of ints; `bus[n]["scan"]` is True when it was not given, and every bus but the
    first has a prefix; on a device `bus[n]["listen_only"]` is None when it was not given. Every pack has its `id` and
    its `address` on the bus the id belongs to; one on two buses has its `pair`, for the others that is None. A value of
    None counts as not given.
    Raises ConfigError.
    """
    from jkcore import config_checks

    if not isinstance(raw, dict):
        raise ConfigError("The configuration must be a set of keys, but " + found(raw) + " was found.")
    entries = {}
    for key in raw:
        if key in TABLES:
            entries[key] = _entries(key, raw[key], home)
    out = _table("", raw, home)
    given = entries.get("bus") or [{}]
    out["bus"] = []
    for n, entry in enumerate(given):
        out["bus"].append(_bus(entry, n, home))
    out["pack"] = [_table("pack", entry, home) for entry in entries.get("pack", ())]
    for name in ("mqtt", "wifi", "discovery"):
        out[name] = _table(name, (entries.get(name) or ({},))[0], home)
    if home == "host":
        del out["wifi"]  # its system has a network
    if out["mqtt"]["tls"] and (entries.get("mqtt") or ({},))[0].get("port") is None:
        out["mqtt"]["port"] = 8883
    config_checks.check(out, home)
    forget("config_checks")
    return out


def _bus(given, n, home):
    """The bus number `n`, counted from 0. What is wrong with a further one is said with its number."""
    try:
        bus = _table("bus", given, home)
    except ConfigError as e:
        if not n:
            raise
        raise ConfigError("Bus %d: %s" % (n + 1, e), e.key.replace("bus.", "bus[%d]." % n))
    # Nobody said which packs there are: all addresses are asked, and those that answer exist.
    bus["scan"] = given.get("packs") is None
    if home == "device" and bus["kind"] == "can" and given.get("listen_only") is None:
        bus["listen_only"] = None  # as is best for the controller
    if n and given.get("prefix") is None:
        bus["prefix"] = "b%d-" % (n + 1)
    return bus


def public(config: dict) -> dict:
    """A copy of a loaded configuration that may be shown: user, password and key files are masked."""
    out = {}
    for key in config:
        value = config[key]
        if isinstance(value, list):
            value = [dict(entry) for entry in value]
        elif isinstance(value, dict):
            value = dict(value)
        out[key] = value
    for row in rows():
        table, name = split(row[0])
        entry = out.get(table, {}) if table else out
        if row[1] in HIDDEN and entry.get(name):
            entry[name] = MASK
    return out


def parse_packs(value, low: int = 0, high: int = 15) -> list:
    """Addresses out of a list of ints, one int, or text such as "1-4,7"; ValueError with the reason."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = [value]
    if isinstance(value, str):
        value = _parse_ranges(value, low, high)
    if not isinstance(value, list):
        raise ValueError('must be a list of addresses or text like "1-4,7"')
    seen = []
    for address in value:
        if isinstance(address, bool) or not isinstance(address, int):
            raise ValueError("holds " + found(address) + ", which is no address")
        if not low <= address <= high:
            raise ValueError("holds " + str(address) + ", which is no address")
        if address in seen:
            raise ValueError("holds address " + str(address) + " twice")
        seen.append(address)
    if not seen:
        raise ValueError("is empty")
    return seen


def _parse_ranges(text, low, high):
    out = []
    for part in text.split(","):
        holds = 'holds "' + part.strip() + '", '
        ends = [end.strip() for end in part.split("-")]
        if len(ends) > 2 or not all([_is_number(end) for end in ends]):
            raise ValueError(holds + "which is neither an address nor a range like 1-4")
        first = int(ends[0])
        last = int(ends[-1])
        if last < first:
            raise ValueError(holds + "a range that runs backwards")
        if last > high:
            raise ValueError(holds + "but the highest address is " + str(high))
        out.extend(range(first, last + 1))
    return out


def _is_number(text):
    # Not str.isdigit: it is true for digits of other scripts on CPython only.
    return 0 < len(text) < 4 and all([c in "0123456789" for c in text])


def _entries(table, value, home):
    """The dicts of one table: a table or, where several are possible, a list of tables."""
    if value is None:
        return []
    if isinstance(value, dict) and table != "pack":
        return [value]
    if table in LISTS and isinstance(value, list):
        for entry in value:
            if not isinstance(entry, dict):
                raise ConfigError(
                    "In "
                    + table
                    + " every entry must be a table of keys, but "
                    + found(entry)
                    + " was found. Example: "
                    + _sample(table, home),
                    table,
                )
        return value
    wanted = "a list of tables" if table == "pack" else "a table of keys"
    raise ConfigError(
        "%s must be %s, but %s was found. Example: %s" % (table, wanted, found(value), _sample(table, home)),
        table,
    )


def _sample(table, home):
    first = [row for row in rows() if split(row[0])[0] == table and row[1] != "option"][0]
    if home == "device":
        return ('"%s": [{%s}]' if table == "pack" else '"%s": {%s}') % (table, example(first, home))
    head = "[[pack]]" if table == "pack" else "[" + table + "]"
    return head + " " + example(first, home)


def _table(table, given, home):
    """One table with its defaults filled in. The top level is the table ""."""
    known = {}
    for row in rows():
        where, name = split(row[0])
        if where == table:
            known[name] = row
    for name in given:
        if name not in known and not (table == "" and name in TABLES):
            unknown(list(rows()), TABLES, table, name, home)
    out = {}
    for name in known:
        row = known[name]
        value = given.get(name)
        if value is not None:
            if home[0] not in row[5]:
                other = "device" if home[0] == "h" else "host"
                raise ConfigError(row[0] + " is a key of the " + other + " only: remove it here.", row[0])
            value = _value(row, value, home)
        elif row[0] in REQUIRED and given.get("can") is None and given.get("rs485") is None:
            lacking(row, home)
        else:
            value = default_of(row)
        out[name] = value
    return out


def default_of(row):
    """The default of a row as the value a loaded configuration holds; None: a number nobody gave."""
    if row[1] == "int":
        return int(row[3]) if row[3] else None
    if row[1] == "bool":
        return row[3] == "true"
    return parse_packs(row[3]) if row[1] == "packs" else row[3]


def _value(row, value, home):
    """The value if the row allows it, packs as a list; ConfigError if not."""
    kind = row[1]
    good = True
    reason = ""
    if kind == "bool":
        good = isinstance(value, bool)
    elif kind == "int":
        good = isinstance(value, int) and not isinstance(value, bool) and _allowed_int(value, row[2])
    elif kind == "packs":
        try:
            return parse_packs(value)
        except ValueError as e:
            good = False
            reason = str(e)
    else:
        good = isinstance(value, str) and _allowed_text(value, kind, row[2])
    if good:
        return value
    text = row[0] + " " + reason if reason else row[0] + " = " + shown(kind, value) + " is not possible"
    raise ConfigError("%s: allowed %s. Example: %s" % (text, allowed_text(row), example(row, home)), row[0])


def _allowed_int(value, allowed):
    if ".." in allowed:
        low, high = allowed.split("..")
        return int(low) <= value <= int(high)
    return str(value) in allowed.split(",")


def _allowed_text(value, kind, allowed):
    if kind == "option":
        return value in allowed.split(",")
    low, high = allowed.split("..")
    if not int(low) <= len(value) <= int(high):
        return False
    for c in value:
        if ord(c) < 32 or ord(c) == 127:
            return False
        if (kind == "word" and c not in _WORD) or (kind == "topic" and c in "+# "):
            return False
    return kind != "topic" or (value[0] != "/" and value[-1] != "/" and "//" not in value and value[0] != "$")


