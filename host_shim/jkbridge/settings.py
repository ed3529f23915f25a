"""The host's configuration: defaults, then a file (TOML or JSON), then JKBRIDGE_* variables, then flags.

Which keys exist and what they may hold is jkcore.config's business; this module finds the values, remembers
where each came from so that an error names the place, and writes the example file out of the same table.
"""

from __future__ import annotations

import json
import os
import textwrap
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jkbridge.settings_help import HELP
from jkcore import config as schema
from jkcore.config import ConfigError

PREFIX = "JKBRIDGE_"
# Variables with our prefix that are no configuration keys: the file to read, and the recordings of `make
# test`.
_NOT_KEYS = ("JKBRIDGE_CONFIG", "JKBRIDGE_FRAMES")
_FILES = ("mqtt.ca", "mqtt.cert", "mqtt.key")


@dataclass
class Settings:
    """A complete configuration and where it came from."""

    config: dict[str, Any]
    file: Path | None = None
    sources: dict[str, str] = field(default_factory=dict)
    """Dotted key -> the place that set it; keys at their default are missing."""


def search_path() -> list[Path]:
    """Where a configuration file is looked for when none is named, in this order."""
    try:
        own = [Path.home() / ".config" / "jkbridge" / "jkbridge.toml"]
    except RuntimeError:  # a container's user may have no home
        own = []
    return [Path("jkbridge.toml"), *own, Path("/data/options.json")]  # the last one is a Home Assistant add-on's


def load(
    file: str | None = None,
    env: Mapping[str, str] | None = None,
    flags: Mapping[str, Any] | None = None,
    search: list[Path] | None = None,
) -> Settings:
    """The configuration of the host.

    file: a path, or None for the first existing one of `search` (default: search_path()). flags: dotted key
    -> value, text where the command line gave text. Raises ConfigError with a sentence that names key,
    finding, limits and place.
    """
    env = os.environ if env is None else env
    path = _choose(file or env.get("JKBRIDGE_CONFIG") or None, search_path() if search is None else search)
    sources: dict[str, str] = {}
    raw: dict[str, Any] = {}
    if path is not None:
        raw = read_file(path)
        for key, _ in _values(raw):
            sources[key] = f"in {path}"
        _resolve_files(raw, path.parent)
    for key, value, name in _environment(env):
        _put(raw, key, _typed(key, value))
        sources[key] = f"set by the environment variable {name}"
    for key, value in (flags or {}).items():
        _put(raw, key, _typed(key, value))
        sources[key] = "given on the command line"
    try:
        for key, value in _values(raw):
            if isinstance(value, str) and value != value.encode("utf-8", "replace").decode():
                raise ConfigError(f"{key} holds bytes that are no text in UTF-8: type it anew.", key)
        loaded = schema.load(raw, "host")
        _check_host(loaded)
    except ConfigError as e:
        place = sources.get(e.key) or (f"in {path}" if path is not None else "")
        raise ConfigError(f"{e} ({place})" if place else str(e), e.key) from None
    return Settings(loaded, path, sources)


def read_file(path: Path) -> dict[str, Any]:
    """The keys of a TOML or, by its name *.json, JSON file. ConfigError when it cannot be read or is neither."""
    try:
        text = path.read_text(encoding="utf-8-sig")  # Windows editors put a mark in front
    except FileNotFoundError:
        raise ConfigError(
            f"The configuration file {path} does not exist. To start from one: jkbridge config example > {path}"
        ) from None
    except UnicodeDecodeError:
        raise ConfigError(f"The configuration file {path} is not UTF-8 text: save it as UTF-8.") from None
    except OSError as e:
        raise ConfigError(f"The configuration file {path} cannot be read: {e.strerror}.") from None
    if path.suffix.lower() == ".json":
        try:
            found = json.loads(text)
        except json.JSONDecodeError as e:
            raise ConfigError(f"{path}, line {e.lineno}, column {e.colno}: this is not JSON: {e.msg}.") from None
        except (ValueError, RecursionError):
            raise _beyond(path) from None
        if not isinstance(found, dict):
            raise ConfigError(f'{path} must hold one JSON object. Example: {{"mqtt": {{"host": "192.168.1.10"}}}}')
        return found
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as e:
        raise ConfigError(
            f"{path}: this is not TOML: {e}. Text needs quotes, a table its name in brackets. "
            'Example: [mqtt], and on the next line host = "192.168.1.10"'
        ) from None
    except (ValueError, RecursionError):
        raise _beyond(path) from None


def _beyond(path: Path) -> ConfigError:
    """For what is well formed, but more than Python's readers take."""
    return ConfigError(
        f"{path} cannot be read: a number in it has thousands of digits, or lists stand in lists hundreds deep. Is "
        "this the configuration file? To start from one: jkbridge config example > jkbridge.toml"
    )


def _choose(file: str | None, search: list[Path]) -> Path | None:
    if file:
        return Path(file).expanduser()
    for path in search:
        try:
            if path.is_file():
                return path
        except OSError:  # a folder that may not be looked into holds no file of ours
            continue
    return None


def _values(raw: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Dotted keys and values; those of a second and further bus as bus[1].port, as ConfigError names them."""
    for name, value in raw.items():
        entries = value if isinstance(value, list) else [value]
        tables = [entry for entry in entries if isinstance(entry, dict)]
        if not tables:
            yield name, value
        for n, entry in enumerate(tables):
            for key, one in entry.items():
                yield f"bus[{n}].{key}" if n and name == "bus" else f"{name}.{key}", one


def _resolve_files(raw: dict[str, Any], folder: Path) -> None:
    """Files are named relative to the one that names them, not to wherever the bridge was started."""
    if isinstance(raw.get("capture"), str) and raw["capture"]:
        raw["capture"] = str(folder / Path(raw["capture"]).expanduser())
    mqtt = raw.get("mqtt")
    if isinstance(mqtt, dict):
        for key in _FILES:
            name = key.split(".")[1]
            if isinstance(mqtt.get(name), str) and mqtt[name]:
                mqtt[name] = str(folder / Path(mqtt[name]).expanduser())


def _environment(env: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    known = {PREFIX + key.replace(".", "_").upper(): key for key in HELP if not key.startswith("pack.")}
    for name in sorted(env):
        # An empty variable counts as not set: compose files and makefiles hand those through.
        if not name.startswith(PREFIX) or name in _NOT_KEYS or not env[name]:
            continue
        if name.startswith(f"{PREFIX}PACK_"):
            raise ConfigError(
                f"{name} cannot be used: names of packs are given in the configuration file, as [[pack]]."
            )
        if name not in known:
            near = min(known, key=lambda candidate: _far(name, candidate))
            hint = f" Did you mean {near}?" if _far(name, near) <= 3 else ""
            raise ConfigError(f"Unknown environment variable {name}.{hint} Known: {', '.join(sorted(known))}.")
        yield known[name], env[name], name


def _far(a: str, b: str) -> int:
    return int(schema.distance(a, b))


def _typed(key: str, value: Any) -> Any:
    """Text from the environment or the command line as the type the key has; what does not fit is left for load()."""
    kind = next((row[1] for row in schema.rows() if row[0] == key), "")
    if isinstance(value, str):
        text = value.strip()
        if kind == "int" and text.removeprefix("-").isdecimal() and text.isascii() and len(text) < 12:
            return int(text)
        if kind == "bool" and text.lower() in ("true", "yes", "on", "1"):
            return True
        if kind == "bool" and text.lower() in ("false", "no", "off", "0"):
            return False
    return value


def _put(raw: dict[str, Any], key: str, value: Any) -> None:
    table, _, name = key.rpartition(".")
    if not table:
        raw[name] = value
        return
    found = raw.get(table)
    if isinstance(found, list) and found and isinstance(found[0], dict):
        found[0][name] = value
    elif isinstance(found, dict):
        found[name] = value
    elif not found:
        raw[table] = {name: value}


def _check_host(config: dict[str, Any]) -> None:
    """What only a machine with files and names can check."""
    from jkbridge.can_interfaces import check_can
    from jkbridge.ports import check_port  # here: pyserial is not needed for `config example`

    for n, bus in enumerate(config["bus"]):
        try:
            if bus["kind"] == "can":
                check_can(bus["interface"], bus["channel"], bus["bitrate"])
            else:
                check_port(bus["port"])
        except ConfigError as e:
            if not n:
                raise
            raise ConfigError(f"Bus {n + 1}: {e}", e.key.replace("bus.", f"bus[{n}].")) from None
    mqtt = config["mqtt"]
    try:
        mqtt["host"].encode("idna")
    except UnicodeError:
        raise ConfigError(f'mqtt.host = "{mqtt["host"]}" is no possible name of a machine.', "mqtt.host") from None
    for key in _FILES:
        name = key.split(".")[1]
        if not mqtt[name]:
            continue
        try:
            with open(mqtt[name], "rb"):
                pass
        except OSError as e:
            raise ConfigError(f"{key} names the file {mqtt[name]}, which cannot be read: {e.strerror}.", key) from None


def example() -> str:
    """A commented TOML file with every key of the schema, each at its default."""
    out = [
        "# jkbridge.toml: configuration of jkbridge. Every key is optional; each line shows the default or an example.",
        "# Looked for as ./jkbridge.toml, ~/.config/jkbridge/jkbridge.toml, /data/options.json; or named by --config.",
        f"# A variable such as {PREFIX}MQTT_HOST or {PREFIX}INTERVAL wins over this file, a flag over both.",
    ]
    table = ""
    for row in schema.rows():
        key, kind, _allowed, default, sample, homes = row
        if "h" not in homes:
            continue
        where, _, name = key.rpartition(".")
        if where != table:
            table = where
            # [[pack]] entries have no defaults, so the whole table is an example.
            out += ["", "# [[pack]]" if table == "pack" else "[[bus]]" if table == "bus" else f"[{table}]"]
        elif key == "bus.prefix":
            out += ["", "# A second bus is one more table with these keys and a port of its own:", "# [[bus]]", ""]
        else:
            out.append("")
        text = f"{HELP[key]} Allowed {schema.allowed_text(row)}."
        out += textwrap.wrap(text, 108, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)
        shown = default or sample
        if kind == "packs":
            value = str(schema.default_of(row))
        else:
            value = shown if kind in ("int", "bool") else json.dumps(shown, ensure_ascii=False)
        out.append(f"# {name} = {value}")
    return "\n".join(out) + "\n"


def show(settings: Settings) -> str:
    """The configuration in force as TOML without secrets, each key with the place that set it."""
    public = schema.public(settings.config)
    out = [f"# file: {settings.file or 'none found'}"]
    names: dict[str, list[str]] = {}
    for key, *_ in schema.rows():
        table, _, name = key.rpartition(".")
        names.setdefault(table, []).append(name)
    several = len(public["bus"]) > 1
    for table, keys in names.items():
        if table == "bus":
            for n, bus in enumerate(public["bus"]):
                out += ["", "[[bus]]" if several else "[bus]"]
                out += _shown(settings, f"bus[{n}]" if n else "bus", keys, bus)
        elif table not in ("pack", "wifi"):  # a device's alone
            out += ["", f"[{table}]"] if table else [""]
            out += _shown(settings, table, keys, public[table] if table else public)
    for pack in public["pack"]:
        first = pack["id"] == str(pack["address"])
        out += [
            "",
            "[[pack]]",
            f"address = {pack['address']}" if first and not pack["pair"] else f"id = {_toml(pack['id'])}",
            *([f"rs485 = {pack['rs485']}", f"can = {pack['can']}"] if pack["pair"] else []),
            *([f"name = {_toml(pack['name'])}"] if pack["name"] else []),
        ]
        if pack["chemistry"]:
            out.append(f"chemistry = {_toml(pack['chemistry'])}")
    return "\n".join(out) + "\n"


def _shown(settings: Settings, table: str, keys: list[str], entry: Mapping[str, Any]) -> list[str]:
    """The lines of one table, each with its source."""
    place = f"{table}." if table else ""
    given = [key for key in keys if key in entry]
    if entry.get("kind") == "can":  # what is no key of such a bus
        given = [key for key in given if key not in ("port", "role") and not (key == "packs" and entry["scan"])]
    return [f"{key} = {_toml(entry[key])}  # {settings.sources.get(place + key, 'default')}" for key in given]


def _toml(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def manner(bus: Mapping[str, Any]) -> str:
    """How a bus is used, for a sentence."""
    if bus["kind"] != "can":
        return f"role {bus['role']}"
    from jkbridge.can_interfaces import interface_of

    at = f"at {bus['bitrate'] // 1000} kbit/s" if bus["bitrate"] else "bit rate as found"
    known = interface_of(bus["interface"])
    if bus["listen_only"] and known.sets_bitrate and known.listen_only is None:
        return f"CAN {at}, acknowledges ({bus['interface']} cannot only listen), never sends"
    return f"CAN {at}, {'listens only' if bus['listen_only'] else 'acknowledges, never sends'}"


def polled(bus: Mapping[str, Any]) -> str:
    """The packs of a bus, for a sentence: "1, 2", or that all are looked for."""
    if bus["scan"] and bus["kind"] == "can":
        return "as they are heard"
    return "1 to 15 as they answer" if bus["scan"] else ", ".join(str(address) for address in bus["packs"])
