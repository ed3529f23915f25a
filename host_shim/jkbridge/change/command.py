"""The commands that look at and change settings: their options, and which way they take."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from jkbridge.change import reading, way, writing
from jkbridge.change.errors import UNUSABLE, ChangeError
from jkbridge.change.screen import Screen
from jkbridge.logger import Log
from jkbridge.settings import Settings
from jkcore import log as levels
from jkcore.writes import limits

_WAY = """
A running bridge does it, reached over MQTT (--broker, or mqtt.host of the configuration); without one the bus is used
directly (--port). Exit code 0: all is well, 1: refused, failed or declined, 2: the command line, a file or the way to
the packs is unusable.
"""
_SET = """\
Shows what would change, asks, does it, and shows what was read back. Values are plain decimals, ON or OFF. What may be
changed is `writes` of the bridge's configuration (off, safe, all) or an unlock; the battery and the rules between
settings have the last word. Dangerous fields need the confirmation word CONFIRM and the id of the pack.

  jkbridge set 1 cell_overvoltage_protection=3.60 cell_overvoltage_recovery=3.54
  jkbridge set 1,2 balance_switch=ON --all       two packs; a result for each
  jkbridge set all max_charge_current=80 --all   every pack
  jkbridge set 1 discharge_switch=OFF --confirm "CONFIRM 1" --yes

The protections of the battery itself must stay: this is not a protection layer.
"""
_RESTORE = """\
Sets what differs between a backup and a pack, in a legal order: shows it, asks, does it, reads it back. Never touched:
address, cell count, capacity, protocols and ports, switching discharge, calibration, and everything else that is
dangerous. A backup of another chemistry, cell count or rating is refused.
"""


def add_arguments(name: str, parser: argparse.ArgumentParser) -> None:
    """The options of one of the commands beside those of the configuration."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _WAY
    _ADD[name](parser)


def _add_get(parser: argparse.ArgumentParser) -> None:
    parser.usage = "jkbridge get [PACK[,PACK...]|all] [FIELD ...] [--json] [options]"
    parser.description = "Settings as the battery reports them, one column per pack."
    parser.add_argument("words", nargs="*", metavar="PACK FIELD", help="packs (all), and fields if not all are wanted")
    parser.add_argument("--json", action="store_true", dest="as_json", help="one JSON object: pack, field, value")


def _add_set(parser: argparse.ArgumentParser) -> None:
    parser.description = _SET
    parser.add_argument("packs_given", metavar="PACK", help="id of the pack; several (1,2) or all only with --all")
    parser.add_argument("changes", nargs="+", metavar="FIELD=VALUE", help="what to set, as one command")
    parser.add_argument("--all", action="store_true", dest="several", help="yes, several packs are meant")
    _add_asking(parser)


def _add_backup(parser: argparse.ArgumentParser) -> None:
    parser.description = "Write what a pack is set to, without secrets, as JSON to standard output: > pack1.json"
    parser.add_argument("pack", metavar="PACK", help="id of the pack")


def _add_diff(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Show only what differs between two packs, a pack and a backup, or two backups.\n"
        "Exit code 0: nothing, 1: something."
    )
    parser.add_argument("a", metavar="A", help="id of a pack, or file of a backup")
    parser.add_argument("b", metavar="B", help="the other")


def _add_restore(parser: argparse.ArgumentParser) -> None:
    parser.description = _RESTORE
    parser.add_argument("file", metavar="FILE", help="made by jkbridge backup")
    parser.add_argument("--to", required=True, dest="pack", metavar="PACK", help="id of the pack")
    _add_asking(parser)


def _add_unlock(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Let a running bridge take safe or all changes for some minutes, as far as `unlock` of its\n"
        "configuration goes. It closes by itself."
    )
    parser.add_argument("level", choices=("safe", "all", "off"), metavar="LEVEL",
                        help="safe, all, or off to close it now")  # fmt: skip
    parser.add_argument("minutes", nargs="?", default="", metavar="MINUTES", help="1 to 60")


def _add_asking(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument(
        "--confirm",
        action="append",
        default=[],
        metavar="WORD",
        help='confirmation word of a pack, such as "CONFIRM 1", for what is dangerous; may be repeated',
    )
    parser.add_argument(
        "--writes",
        choices=("off", "safe", "all"),
        metavar="LEVEL",
        help="directly on the bus: what may be changed, instead of `writes` of the configuration",
    )


_ADD: dict[str, Callable[[argparse.ArgumentParser], None]] = {
    "get": _add_get,
    "set": _add_set,
    "backup": _add_backup,
    "diff": _add_diff,
    "restore": _add_restore,
    "unlock": _add_unlock,
}


def main(args: argparse.Namespace, settings: Settings, screen: Screen | None = None) -> int:
    """Carry out one of them; the exit code."""
    screen = screen or Screen()
    try:
        return _run(args, settings, screen)
    except ChangeError as e:
        screen.note(str(e), "bold red")
        return e.code


def _run(args: argparse.Namespace, settings: Settings, screen: Screen) -> int:
    wanted = _wanted(args)
    if args.command == "diff" and not wanted:
        return reading.diff(args, None, screen)
    log = Log(levels.level_of(settings.config["log"]))
    # What the bus says matters to whoever wants it; warnings of the core are for a bridge that runs on.
    quiet = log if log.level < levels.INFO else _silent
    found = way.find(settings, getattr(args, "writes", None), wanted, quiet, screen)
    run: Callable[[argparse.Namespace, way.Way, Screen], int] = {
        "get": reading.get,
        "set": writing.change,
        "backup": reading.save,
        "diff": reading.diff,
        "restore": writing.bring_back,
        "unlock": writing.unlock,
    }[args.command]
    try:
        return run(args, found, screen)
    finally:
        found.close()


def _silent(_level: int, _text: str) -> None:
    pass


def _wanted(args: argparse.Namespace) -> list[str] | None:
    """Ids of the packs a command is about, None: all of them."""
    if args.command == "get":
        words = list(args.words)
        packs = words.pop(0) if words and limits.find(words[0]) < 0 else "all"
        args.fields = words
        args.packs_wanted = _list(packs)
        return _list(packs)
    if args.command == "set":
        found = args.packs_wanted = _list(args.packs_given)
        if (found is None or len(found) > 1) and not args.several:
            count = "All packs are" if found is None else f"{len(found)} packs are"
            raise ChangeError(f"{count} named: add --all if they are all to be changed.", UNUSABLE)
        return found
    if args.command == "diff":
        return [text for text in (args.a, args.b) if not reading.is_file(text)]
    return [args.pack] if args.command in ("backup", "restore") else []


def _list(text: str) -> list[str] | None:
    if text == "all":
        return None
    packs = [part.strip() for part in text.split(",")]
    if not all(packs) or len(set(packs)) < len(packs):
        raise ChangeError(f"'{text}' is no list of packs. Example: 1,2 or all", UNUSABLE)
    return packs
