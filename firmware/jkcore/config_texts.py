"""What is said about a configuration that cannot be used: its values, limits and examples in words.

(A short text that no other code has takes a name of its own on a device, for ever: hence formats instead of pieces.)
"""

HIDDEN = ("secret", "path")  # kinds of keys whose value is shown to nobody
MASK = "***"
# Examples for a device where those of a host would not do.
_ON_DEVICE = 'bus.port|"tcp://192.168.1.20:8899"|capture|"console"'


class ConfigError(ValueError):
    """A configuration that cannot be used: a sentence for people and the dotted `key` at fault, or ""."""

    def __init__(self, text, key=""):
        super().__init__(text)
        self.key = key


def split(key):
    """"bus.port" -> ("bus", "port"); a key of the top level has the table ""."""
    parts = key.split(".")
    return (parts[0], parts[1]) if len(parts) == 2 else ("", key)


def allowed_text(row) -> str:
    """What a row allows, in words."""
    kind = row[1]
    if kind == "bool":
        return "are true and false"
    if kind == "packs":
        return "are addresses 1 to 15, and 0 for the bus master, each once, as a list or as text"
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


def example(row, home):
    """A line of a configuration file."""
    name = split(row[0])[1]
    value = row[4]
    if row[1] not in ("int", "bool"):
        value = '"' + value + '"'
    if home != "device":
        return name + " = " + value
    others = _ON_DEVICE.split("|")
    if row[0] in others:
        value = others[others.index(row[0]) + 1]
    return '"' + name + '": ' + value


def as_json(text):
    """A sentence for a device, whose configuration is JSON: key = value behind "Example:" becomes "key": value."""
    at = text.find("Example: ") + 9
    if at < 9:
        return text
    parts = text[at:].split(" = ")
    for n in range(len(parts) - 1):
        key = parts[n].rfind(" ") + 1
        parts[n] = '%s"%s"' % (parts[n][:key], parts[n][key:])
    return text[:at] + ": ".join(parts)


def lacking(row, home):
    """Raise the sentence for a key that an entry cannot do without."""
    raise ConfigError("A [[pack]] entry lacks its %s. Example: %s" % (split(row[0])[1], example(row, home)), row[0])


def found(value):
    """A value that was found, for a sentence."""
    if isinstance(value, str):
        return '"' + value + '"'
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "a list"
    return str(value)


def shown(kind, value):
    """The same for a value of a row; secrets are not repeated."""
    # A password typed without quotes must not end in a log because it is of the wrong type.
    if kind in HIDDEN:
        return MASK + (" (text)" if isinstance(value, str) else " (no text)")
    text = found(value)
    if kind in ("int", "bool") and isinstance(value, str):
        text += " (text)"
    return text


def unknown(rows, tables, table, name, home):
    """Raise the sentence for an unknown key: never with its value, which may be a misspelt password.

    rows: a list of all rows of the table; tables: the names of the tables.
    """
    key = (table + "." if table else "") + str(name)
    best = ""
    best_row = None
    # Two slips in a word of four letters (prot), one in a shorter one, three from eight letters on.
    limit = 1 + len(str(name)) // 4
    rows = [row for row in rows if home[0] in row[5]]
    for row in rows:
        where, candidate = split(row[0])
        # A key of another table comes second: `port` at top level, but `prot` in [bus] means bus.port.
        away = distance(str(name), candidate) * 2 + (0 if where == table else 1)
        if away <= limit * 2 + 1 and (best_row is None or away < best_row[0]):
            best = row[0]
            best_row = (away, row)
    text = "Unknown key " + key + "."
    if not table:
        for candidate in tables:
            away = distance(str(name), candidate) * 2
            if away <= limit * 2 + 1 and (best_row is None or away < best_row[0]):
                best = candidate
                best_row = (away, None)
    if best:
        text += " Did you mean " + best + "?"
        if best_row[1]:
            where = split(best)[0]
            line = example(best_row[1], home)
            if where:
                line = '"%s": {%s}' % (where, line) if home == "device" else "[" + where + "] " + line
            text = "%s Example: %s." % (text, line)
    names = [split(row[0])[1] for row in rows if split(row[0])[0] == table]
    if not table:
        names.extend(tables)
    place = "here"
    if table:
        place = "in " + (table if home == "device" else "[" + table + "]")
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
