"""What the doctor says: coloured on a terminal, plain lines in a pipe, one JSON object for machines."""

from __future__ import annotations

import contextlib
from typing import Any, NamedTuple

from rich.console import Console
from rich.markup import escape
from rich.status import Status
from rich.table import Table

from jkbridge.doctor import proposal
from jkbridge.doctor.adapters import Adapter
from jkbridge.doctor.examination import Finding, Result
from jkcore import verdicts


class Told(NamedTuple):
    """A finding in words. code: what programs build on; text: the verdict, without a full stop; advice: what to change,
    "" for nothing; healthy: nothing has to be changed."""

    code: str
    text: str
    advice: str
    healthy: bool


def told(finding: Finding) -> Told:
    """A finding of the core in words."""
    code = finding[0]
    return Told(verdicts.word(code), verdicts.full_text(finding), verdicts.advice(code), verdicts.healthy(finding))


class Outcome(NamedTuple):
    """What came out of one bus. code: for the shell; facts: the object of --json; bus: the keys of [bus] that fit, None
    where there is nothing to propose; verdict: the first finding, "" where nothing could
    be examined; packs: the core's packs that were heard, live."""

    code: int
    facts: dict[str, Any]
    bus: dict[str, Any] | None = None
    verdict: str = ""
    packs: tuple[Any, ...] = ()


class Quiet:
    """No progress at all, for --json."""

    def phase(self, text: str, seconds: float) -> None:
        pass

    def passed(self, seconds: float, heard: str) -> None:
        pass

    def end(self) -> None:
        pass


class Shown:
    """Progress of the phases: a line that counts on a terminal, one plain line per phase elsewhere."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._text = ""
        self._seconds = 0.0
        self._tenths = -1
        self._status: Status | None = None

    def phase(self, text: str, seconds: float) -> None:
        self.end()
        self._text, self._seconds, self._tenths = text, seconds, -1
        said = text[0].upper() + text[1:]
        if self._console.is_terminal:
            self._status = self._console.status(said)
            self._status.start()
        else:
            self._console.print(f"{said}, {seconds:.0f} s at most ...", highlight=False, markup=False)

    def passed(self, seconds: float, heard: str) -> None:
        if self._status is not None and int(seconds * 5) != self._tenths:
            self._tenths = int(seconds * 5)
            said = self._text[0].upper() + self._text[1:]
            self._status.update(f"{said}: {seconds:.0f} of at most {self._seconds:.0f} s, {heard}")

    def end(self) -> None:
        if self._status is not None:
            with contextlib.suppress(Exception):
                self._status.stop()
            self._status = None


def show(console: Console, port: str, result: Result, proposed: bool = True) -> None:
    """The verdict, what to change, the packs, further findings; proposed: the configuration that fits, too."""
    bus = proposal.propose(port, result) if proposed else None
    toml = proposal.toml(bus, verdicts.text(result.findings[0])) if bus is not None else ""
    tell(console, result.packs, [told(finding) for finding in result.findings], toml)


def tell(console: Console, packs: list[dict[str, Any]], findings: list[Told], toml: str) -> None:
    """The same for any bus, from what is already in words; toml: the configuration that fits, "": there is none."""
    if packs and console.is_terminal:
        _show_packs(console, packs)
    elif packs:
        for pack in packs:
            console.print(_pack_line(pack), highlight=False, markup=False)
    first, rest = findings[0], findings[1:]
    style = "bold green" if first.healthy else "bold red"
    console.print(f"[{style}]Verdict ({first.code}): {escape(_sentence(first))}[/]", highlight=False)
    if first.advice:
        console.print(f"What to do: {escape(first.advice)}", highlight=False)
    if rest:
        console.print("Also:", highlight=False)
    for finding in rest:
        # "Nothing has to be changed" is not true beside a fault.
        praise = finding.code.startswith("ok_") and not first.healthy
        console.print(_item(finding._replace(advice="") if praise else finding), highlight=False, markup=False)
    if toml:
        fits(console, toml)


def tell_pairs(console: Console, findings: list[Told], toml: str) -> None:
    """What two buses say of the same batteries; toml: the configuration that fits."""
    if findings:
        console.print("\nRS485 and CAN together:", highlight=False)
    for finding in findings:
        console.print(_item(finding), highlight=False, markup=False, style="" if finding.healthy else "bold red")
    if toml:
        fits(console, toml)


def fits(console: Console, toml: str) -> None:
    """The configuration that fits."""
    console.print("\nThe configuration that fits:", highlight=False)
    console.print(toml, highlight=False, markup=False, soft_wrap=True)


def _item(finding: Told) -> str:
    return f"  - {_sentence(finding)} ({finding.code}){' ' + finding.advice if finding.advice else ''}"


def _show_packs(console: Console, packs: list[dict[str, Any]]) -> None:
    table = Table(header_style="bold")
    table.add_column("DIP")
    for name in ("cells", "V", "SOC %", "model", "firmware", "frames", "lost"):
        table.add_column(name, justify="left" if name == "model" else "right")
    for pack in packs:
        volts = "" if pack["voltage"] is None else f"{pack['voltage']:.3f}"
        row = [pack["address"], pack["cells"], volts, pack["soc"], pack["model"], pack["firmware"], pack["frames"]]
        share = f" ({100 * pack['error_rate']:.0f} %)" if pack["lost"] and pack["error_rate"] else ""
        table.add_row(*["" if value is None else escape(str(value)) for value in row], f"{pack['lost']}{share}")
    console.print(table)


def _pack_line(pack: dict[str, Any]) -> str:
    """One pack for a pipe."""
    parts = [f"{pack['frames']} frames, {pack['lost']} lost"]
    if pack["voltage"] is not None:
        cells = f"{pack['cells']} cells, " if pack["cells"] else ""
        parts.insert(0, f"{cells}{pack['voltage']:.3f} V, SOC {pack['soc']} %")
    if pack["model"]:
        parts.append(f"{pack['model']} {pack['firmware']}")
    return f"Pack at address {pack['address']}: {', '.join(parts)}."


def _sentence(finding: Told) -> str:
    """The verdict as a sentence. A name it begins with, such as that of a file or an adapter, stays as it is."""
    text = finding.text
    if text.partition(" ")[0].isalpha():
        text = text[0].upper() + text[1:]
    return text if text.endswith("?") else text + "."


def facts_of(
    port: str, result: Result | None, ports: list[Adapter], failure: tuple[str, str] | None = None
) -> dict[str, Any]:
    """The object of --json. failure: (code word, sentence) where there was nothing to examine."""
    out: dict[str, Any] = {"port": port or None, "ports": [adapter.facts() for adapter in ports]}
    if failure is not None or result is None:
        word, text = failure or ("no_port", "no port was examined")
        return out | {"verdict": word, "text": text, "advice": "", "healthy": False, "findings": []}
    counted = {"baud": result.baud, "phases": result.phases, "packs": result.packs}
    return facts(out, [told(finding) for finding in result.findings], counted, proposal.propose(port, result))


def facts(
    head: dict[str, Any], findings: list[Told], counted: dict[str, Any], bus: dict[str, Any] | None
) -> dict[str, Any]:
    """The same for any bus. counted: what is particular to its kind; bus: the keys of [bus] that fit, or None."""
    first = findings[0]
    out = head | {
        "verdict": first.code,
        "text": first.text,
        "advice": first.advice,
        "healthy": first.healthy,
        "findings": plain(findings),
    }
    return out | counted | {"config": None if bus is None else {"bus": bus}}


def plain(findings: list[Told]) -> list[dict[str, str]]:
    """Findings for --json."""
    return [{"code": f.code, "text": f.text, "advice": f.advice} for f in findings]
