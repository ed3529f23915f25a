"""The configuration of both homes: which keys exist, what they may hold, and what is said when they do not.

`load` turns what a JSON, TOML or environment reader found into a complete dict, or raises ConfigError with a
sentence. The table below is the only place that knows a key's type, limits and default; the host makes its
example file, flags and environment names from it. It is one text because on a device a tuple per row costs
far more memory; after `load` a device may drop this module from sys.modules.
Tests: tests/shared/test_config.py.
"""

# key | type | allowed | default | example | homes (h = host, d = device)
# int: range a..b or choices; text: length a..b; word: [A-Za-z0-9_-], length; option: one of the words;
# topic: MQTT topic without wildcards; secret and path: text that never leaves the bridge;
# packs: Modbus addresses of the range.
_SCHEMA = """\
interval|int|0..3600|5|5|hd
base|word|1..32|jkbms|jkbms|hd
log|option|trace,debug,info,warning,error,fatal|info|info|hd
flat|bool||false|true|hd
capture|path|0..256||bus.txt|hd
capture_size|int|1..1000|10|10|h
capture_files|int|1..100|3|3|h
bus.kind|option|serial|serial|serial|hd
bus.port|text|0..200||/dev/ttyUSB0|hd
bus.baud|int|9600,19200,38400,57600,115200,230400,460800,921600|115200|115200|hd
bus.packs|packs|1..15|1-15|1-4,7|hd
bus.role|option|auto,poll,listen|auto|auto|hd
bus.ask_about|bool||false|true|hd
bus.name|text|0..40||Garage|hd
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
discovery.enabled|bool||true|false|hd
discovery.prefix|topic|1..64|homeassistant|homeassistant|hd
discovery.status|topic|1..128|homeassistant/status|homeassistant/status|hd
pack.address|int|1..15||1|hd
pack.name|text|1..40||Garage left|hd
"""

TABLES = ("bus", "mqtt", "discovery", "pack")
LISTS = ("bus", "pack")
# (A short text that no other code has takes a name of its own on a device, for ever: hence formats instead of pieces.)
# Their ids would collide with topics of the bridge itself.
RESERVED = ("bridge", "bank")

_WORD = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
_MASK = "***"
_HIDDEN = ("secret", "path")


class ConfigError(ValueError):
    """A configuration that cannot be used: a sentence for people and the dotted `key` at fault, or ""."""

    def __init__(self, text, key=""):
        super().__init__(text)
        self.key = key


def rows():
    """All rows of the table, one [key, type, allowed, default, example, homes] at a time, all text."""
    for line in _SCHEMA.split("\n"):
        if line:
            yield line.split("|")


def load(raw: dict, home: str) -> dict:
    """The complete configuration for `home` ("host" or "device") out of `raw` as JSON or TOML gave it.

    Every key of the table is present in the result; `bus` and `pack` are lists of dicts, `bus[n]["packs"]` is
    a list of ints; `bus[n]["scan"]` is True when it was not given. A value of None counts as not given.
    Raises ConfigError.
    """
    if not isinstance(raw, dict):
        raise ConfigError("The configuration must be a set of keys, but " + _found(raw) + " was found.")
    entries = {}
    for key in raw:
        if key in TABLES:
            entries[key] = _entries(key, raw[key])
    out = _table("", raw, home)
    out["bus"] = [_table("bus", entry, home) for entry in entries.get("bus", ())] or [_table("bus", {}, home)]
    # Nobody said which packs there are: all addresses are asked, and those that answer exist.
    for n, bus in enumerate(out["bus"]):
        bus["scan"] = n >= len(entries.get("bus", ())) or entries["bus"][n].get("packs") is None
    out["pack"] = [_table("pack", entry, home) for entry in entries.get("pack", ())]
    for name in ("mqtt", "discovery"):
        out[name] = _table(name, (entries.get(name) or ({},))[0], home)
    given = (entries.get("mqtt") or ({},))[0]
    if out["mqtt"]["tls"] and given.get("port") is None:
        out["mqtt"]["port"] = 8883
    _check_bus(out)
    _check_mqtt(out, home)
    return out


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
        table, name = _split(row[0])
        entry = out[table] if table else out
        if row[1] in _HIDDEN and entry[name]:
            entry[name] = _MASK
    return out


def parse_packs(value, low: int = 1, high: int = 15) -> list:
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
            raise ValueError("holds " + _found(address) + ", which is no address")
        if address == 0:
            raise ValueError("holds address 0: that is the bus master, which answers nobody")
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


def _split(key):
    parts = key.split(".")
    return (parts[0], parts[1]) if len(parts) == 2 else ("", key)


def _entries(table, value):
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
                    + _found(entry)
                    + " was found. Example: "
                    + _sample(table, "host"),
                    table,
                )
        return value
    wanted = "a list of tables" if table == "pack" else "a table of keys"
    raise ConfigError(
        "%s must be %s, but %s was found. Example: %s" % (table, wanted, _found(value), _sample(table, "host")),
        table,
    )


def _sample(table, home):
    first = [row for row in rows() if _split(row[0])[0] == table and row[1] != "option"][0]
    head = "[[pack]]" if table == "pack" else "[" + table + "]"
    return head + " " + _example(first, home)


def _table(table, given, home):
    """One table with its defaults filled in. The top level is the table ""."""
    known = {}
    for row in rows():
        where, name = _split(row[0])
        if where == table:
            known[name] = row
    for name in given:
        if name not in known and not (table == "" and name in TABLES):
            _unknown(table, name, home)
    out = {}
    for name in known:
        row = known[name]
        value = given.get(name)
        if value is not None:
            if home[0] not in row[5]:
                other = "device" if home[0] == "h" else "host"
                raise ConfigError(row[0] + " is a key of the " + other + " only: remove it here.", row[0])
            value = _value(row, value, home)
        elif table == "pack":
            text = "A [[pack]] entry lacks its " + name + ". Example: " + _example(row, home)
            raise ConfigError(text, row[0])
        else:
            value = default_of(row)
        out[name] = value
    return out


def default_of(row):
    """The default of a row as the value a loaded configuration holds."""
    if row[1] == "int":
        return int(row[3])
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
    text = row[0] + " " + reason if reason else row[0] + " = " + _shown(kind, value) + " is not possible"
    raise ConfigError("%s: allowed %s. Example: %s" % (text, allowed_text(row), _example(row, home)), row[0])


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


def allowed_text(row) -> str:
    """What a row allows, in words."""
    kind = row[1]
    if kind == "bool":
        return "are true and false"
    if kind == "packs":
        return "are addresses 1 to 15, each once, as a list or as text"
    if kind == "int" and ".." in row[2]:
        return "is a whole number from " + row[2].replace("..", " to ")
    if kind in ("int", "option"):
        return ("are " if "," in row[2] else "is ") + row[2].replace(",", ", ")
    low, high = row[2].split("..")
    if kind == "word":
        text = "are the letters A-Z a-z, digits, _ and -"
    elif kind == "topic":
        text = "is an MQTT topic in quotes, without spaces, wildcards + # or a / at either end"
    else:
        text = "is text in quotes"
    return ("%s, at most %s characters" if low == "0" else "%s, 1 to %s characters") % (text, high)


def _example(row, home):
    name = _split(row[0])[1]
    value = row[4]
    if row[1] not in ("int", "bool"):
        value = '"' + value + '"'
    return '"' + name + '": ' + value if home == "device" else name + " = " + value


def _found(value):
    if isinstance(value, str):
        return '"' + value + '"'
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "a list"
    return str(value)


def _shown(kind, value):
    # A password typed without quotes must not end in a log because it is of the wrong type.
    if kind in _HIDDEN:
        return _MASK + (" (text)" if isinstance(value, str) else " (no text)")
    text = _found(value)
    if kind in ("int", "bool") and isinstance(value, str):
        text += " (text)"
    return text


def _unknown(table, name, home):
    """Raise the sentence for an unknown key: never with its value, which may be a misspelt password."""
    key = (table + "." if table else "") + str(name)
    best = ""
    best_row = None
    # Two slips in a word of four letters (prot), one in a shorter one, three from eight letters on.
    limit = 1 + len(str(name)) // 4
    for row in rows():
        where, candidate = _split(row[0])
        # A key of another table comes second: `port` at top level, but `prot` in [bus] means bus.port.
        away = distance(str(name), candidate) * 2 + (0 if where == table else 1)
        if away <= limit * 2 + 1 and (best_row is None or away < best_row[0]):
            best = row[0]
            best_row = (away, row)
    text = "Unknown key " + key + "."
    if not table:
        for candidate in TABLES:
            away = distance(str(name), candidate) * 2
            if away <= limit * 2 + 1 and (best_row is None or away < best_row[0]):
                best = candidate
                best_row = (away, None)
    if best:
        text += " Did you mean " + best + "?"
        if best_row[1]:
            where = _split(best)[0]
            text = "%s Example: %s%s." % (text, "[" + where + "] " if where else "", _example(best_row[1], home))
    names = [_split(row[0])[1] for row in rows() if _split(row[0])[0] == table]
    if not table:
        names.extend(TABLES)
    place = "in [" + table + "]" if table else "here"
    raise ConfigError("%s Known %s: %s." % (text, place, ", ".join(names)), key)


def distance(a, b):
    """Levenshtein distance, case ignored."""
    a = a.lower()
    b = b.lower()
    line = list(range(len(b) + 1))
    for i in range(len(a)):
        corner = i
        line[0] = i + 1
        for j in range(len(b)):
            best = min(line[j], line[j + 1]) + 1
            if a[i] == b[j] and corner < best:
                best = corner
            elif a[i] != b[j] and corner + 1 < best:
                best = corner + 1
            corner = line[j + 1]
            line[j + 1] = best
    return line[len(b)]


def _check_bus(out):
    if len(out["bus"]) > 1:
        text = str(len(out["bus"])) + " [[bus]] entries were found, but this version drives exactly one bus. "
        raise ConfigError(text + "Keep one; for the other bus start a second bridge with another `base`.", "bus")
    bus = out["bus"][0]
    if bus["name"] in RESERVED:
        text = 'bus.name = "' + bus["name"] + '" is reserved for topics of the bridge: choose another name. '
        raise ConfigError(text + 'Example: name = "Garage"', "bus.name")
    seen = []
    for pack in out["pack"]:
        address = pack["address"]
        if address in seen:
            text = "Two [[pack]] entries have address = " + str(address) + ": each pack needs its own. "
            raise ConfigError(text + "Remove one or correct its address.", "pack.address")
        if address not in bus["packs"]:
            text = "A [[pack]] entry has address = " + str(address) + ", but bus.packs holds only "
            text += ", ".join([str(a) for a in bus["packs"]])
            text += '. Add the address to bus.packs or remove the entry. Example: packs = "1-4,7"'
            raise ConfigError(text, "pack.address")
        seen.append(address)


def _check_mqtt(out, home):
    mqtt = out["mqtt"]
    host = mqtt["host"]
    example = '. Example: host = "192.168.1.10"'
    if home == "device" and not host:
        text = "mqtt.host is missing: the device needs the name or address of the MQTT broker. "
        raise ConfigError(text + 'Example: "mqtt": {"host": "192.168.1.10"}', "mqtt." + "host")
    if "/" in host or " " in host or host.count(":") == 1:
        text = 'mqtt.host = "' + host + '" is not possible: allowed is a name or address alone; the port goes '
        raise ConfigError(text + "into mqtt.port, and TLS is switched on by mqtt.tls" + example, "mqtt." + "host")
    for name in ("user", "password", "tls", "ca", "cert", "key"):
        if mqtt[name] and not host:
            text = "mqtt." + name + " is set, but mqtt.host is not: add the broker it belongs to" + example
            raise ConfigError(text, "mqtt." + "host")
    if mqtt["password"] and not mqtt["user"]:
        text = "mqtt.password is set, but mqtt.user is not: MQTT 3.1.1 has no password without a user. "
        raise ConfigError(text + 'Example: user = "jkbridge"', "mqtt." + "user")
    for name in ("ca", "cert", "key"):
        if mqtt[name] and not mqtt["tls"]:
            text = "mqtt." + name + " is set, but mqtt.tls is false, so nothing would be encrypted: "
            raise ConfigError(text + "set tls = true or remove " + name + ".", "mqtt." + "tls")
    for name, other in (("cert", "key"), ("key", "cert")):
        if mqtt[name] and not mqtt[other]:
            text = "mqtt." + name + " is set, but mqtt." + other + " is not: a client certificate needs both files. "
            raise ConfigError(text + 'Example: cert = "client.crt" and key = "client.key"', "mqtt." + other)
    if out["discovery"]["enabled"] and out["base"] == out["discovery"]["prefix"]:
        text = 'base and discovery.prefix are both "' + out["base"] + '", so states and discovery would share '
        raise ConfigError(text + 'topics: change one. Example: base = "jkbms"', "base")
