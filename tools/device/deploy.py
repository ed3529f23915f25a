"""`make deploy`: the release into the slot that does not run, checked, then the switch. See firmware/launcher.py."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from device import DeviceError, boards, inplace, link, ports, release, say
from device.link import Board, Entry, digest
from device.release import HOME

MAIN = "/main.py"
BOOTS = "/boots.json"  # bad starts of the release, or the configuration, before must not keep a new one in safe mode
_MARK = b"jkbridge"  # in the doc string of every main.py of ours


@dataclass
class Slots:
    """What is in flash: for each slot path -> Entry, and the slot that starts ("" for none)."""

    files: dict[str, dict[str, Entry]]
    active: str
    named: str


@dataclass
class Plan:
    """What is to be done in one slot; paths are relative to it."""

    slot: str
    remove: list[str] = field(default_factory=list)
    copy: list[str] = field(default_factory=list)
    send: list[str] = field(default_factory=list)
    same: int = 0
    other: str = ""

    @property
    def is_done(self) -> bool:
        return not (self.remove or self.copy or self.send)


def look(board: Board) -> Slots:
    """Read what is in flash and find out, as the launcher does, which slot starts."""
    for slot in "ab":
        inplace.complete(board, f"{HOME}/{slot}")
    files = {slot: board.scan(f"{HOME}/{slot}") for slot in "ab"}
    named = (board.read(f"{HOME}/slot") or b"").decode(errors="replace")[:1]
    order = "ba" if named == "b" else "ab"
    whole = [slot for slot in order if is_whole(board, files[slot], slot)]
    return Slots(files, whole[0] if whole else "", named)


def is_whole(board: Board, files: dict[str, Entry], slot: str) -> bool:
    wanted = release.listed(board.read(f"{HOME}/{slot}/{release.LIST}"))
    return bool(wanted) and all(path in files and files[path].sha == sha for path, sha in wanted.items())


def make_plan(wanted: dict[str, bytes], slots: Slots, one_slot: bool = False) -> Plan:
    """The least that makes one slot hold the wanted files: nothing where the active one does already."""
    shas = {path: digest(data) for path, data in wanted.items()}
    running = {path: entry.sha for path, entry in slots.files.get(slots.active, {}).items()}
    if slots.active and all(running.get(path) == sha for path, sha in shas.items()):
        return Plan(slots.active, same=len(shas))
    target = "b" if slots.active == "a" else "a"
    if one_slot and slots.active:
        target = slots.active
    plan = Plan(target, other="b" if target == "a" else "a")
    there = {path: entry.sha for path, entry in slots.files[target].items()}
    folders = {path[: i + 1] for path in shas for i, c in enumerate(path) if c == "/"}
    plan.remove = [path for path in there if path not in shas and path not in folders]
    for path, sha in shas.items():
        if there.get(path) == sha:
            plan.same += 1
        elif target != slots.active and running.get(path) == sha:
            plan.copy.append(path)
        else:
            plan.send.append(path)
    return plan


def room(
    changed: list[str], freed: list[str], wanted: dict[str, bytes], there: dict[str, Entry], about: link.About
) -> int:
    """Bytes of flash that are lacking for the changed files, or less than 0. Flash is given in blocks; a folder of
    LittleFS takes two, and two more for every ten files (measured). `there`: what the slot holds now; `freed`: some
    paths of it.
    """

    def blocks_of(size: int) -> int:
        return -(-size // (about.block - 8))

    blocks = sum(blocks_of(len(wanted[path])) for path in changed)
    blocks -= sum(blocks_of(there[path].size) for path in freed if path in there)
    # A file is written before its old blocks are free; slot, launcher and their .new; some for the file system.
    blocks += max((blocks_of(len(wanted[path])) for path in changed), default=0) + 8
    folders = {path[: i + 1] for path in changed for i, c in enumerate(path) if c == "/"}
    blocks += 2 * len(folders - there.keys()) + len(changed) // 5
    return blocks * about.block - about.free if about.free else 0


def no_room(lacking: int, about: link.About, one_slot: bool) -> DeviceError:
    text = f"The flash of the device has {about.free // 1024} kB free, and {lacking // 1024 + 1} kB more are needed"
    if one_slot:
        return DeviceError(text + ": remove files of your own from it (make repl; import os; os.listdir()).")
    return DeviceError(
        text + " beside the release that runs. Remove files of your own from it, or replace the release that runs: "
        "ARGS=--one-slot. If that is interrupted, the device starts only after another `make deploy`."
    )


def carry_out(board: Board, plan: Plan, wanted: dict[str, bytes]) -> None:
    """Fill the slot of the plan. `release` goes first and comes last: without it a slot is not whole."""
    folder = f"{HOME}/{plan.slot}"
    board.remove(f"{folder}/{release.LIST}")
    # A folder comes after what is in it (agent.scan).
    for path in plan.remove:
        if path != release.LIST:
            board.remove(f"{folder}/{path}")
    todo = [path for path in (*plan.copy, *plan.send) if path != release.LIST]
    for done, path in enumerate(todo, 1):
        if path in plan.send or not board.copy(f"{HOME}/{plan.other}/{path}", f"{folder}/{path}", digest(wanted[path])):
            board.write(f"{folder}/{path}", wanted[path])
        if done % 20 == 0 or done == len(todo):
            say(f"  {done} of {len(todo)} files")
    board.replace(f"{folder}/{release.LIST}", wanted[release.LIST])


def switch(board: Board, slots: Slots, slot: str) -> None:
    """Name the slot that is to start, and see to it that the launcher is what starts first."""
    if slots.named != slot:
        board.replace(f"{HOME}/slot", slot.encode())
    launcher = release.LAUNCHER.read_bytes()
    if board.sha(MAIN) == digest(launcher):
        return
    found = board.read(MAIN)
    if found is not None and _MARK not in found:
        kept = "/main_before_jkbridge.py"
        say(f"  the device has a main.py that is not of jkbridge: kept as {kept}")
        board.replace(kept, found)
    board.replace(MAIN, launcher)


@contextlib.contextmanager
def _replacing() -> Iterator[None]:
    """While the only release is replaced, no sentence may promise that it still runs."""
    gone = "The release that ran is gone: the device starts only after another `make deploy`."
    try:
        yield
    except DeviceError as error:
        raise DeviceError(str(error).replace(link.STILL_RUNS, "").rstrip() + " " + gone) from None
    except KeyboardInterrupt:
        raise DeviceError("Interrupted. " + gone) from None


def install(
    board: Board, plan: Plan, slots: Slots, wanted: dict[str, bytes], about: link.About, one_slot: bool
) -> Plan:
    """Carry the plan out, or the one in place where the flash is too small for it. Raises DeviceError, before
    anything is written, when there is room for neither.
    """
    changed = [*plan.copy, *plan.send]
    lacking = room(changed, [*changed, *plan.remove], wanted, slots.files[plan.slot], about)
    if lacking <= 0:
        say(f"  slot {plan.slot}: {len(plan.send)} files to send, {len(plan.copy)} to copy inside the device, "
            f"{plan.same} there already, {len(plan.remove)} to remove")  # fmt: skip
        with _replacing() if plan.slot == slots.active else contextlib.nullcontext():
            carry_out(board, plan, wanted)
        return plan
    if one_slot or not slots.active:
        raise no_room(lacking, about, one_slot)
    there = slots.files[slots.active]
    changed = inplace.changed(wanted, there)
    ready = [path for path in changed if path + ".new" in there]
    if room(changed, [path + ".new" for path in ready], wanted, there, about) > 0:
        raise no_room(lacking, about, one_slot)
    say(f"  the flash is too small for two releases: {len(changed)} files change in place, slot {slots.active}, "
        "when the device starts")  # fmt: skip
    inplace.carry_out(board, f"{HOME}/{slots.active}", wanted, there)
    return Plan(slots.active)


def clear(board: Board) -> None:
    """Remove what an installation with mip (package.json) left beside the slots."""
    if not board.sha("/jkcore/__init__.py"):
        return
    import mip_package

    say("  removing the sources of an installation with mip")
    files = [f"/{path}" for path in mip_package.paths() if path != MAIN[1:]]
    folders = {path[: i + 1] for path in files for i, c in enumerate(path) if c == "/" and i}
    for path in [*files, *sorted(folders, reverse=True)]:
        board.remove(path)


def deploy(name: str, port: str, one_slot: bool = False) -> None:
    """The whole of `make deploy`. Raises DeviceError."""
    board_file = boards.load(name)
    port = ports.choose(port)
    say(f"Installing jkbridge {release.VERSION} for board {name} on the device at {port}; its program stops meanwhile.")
    # Before the program is stopped: the watchdog of a Pico waits 8 s at most.
    files = release.build(name)
    if board_file.PLATFORM == "rp2":
        files |= release.umqtt_files()
    with link.open_board(port) as board:
        about = board.about()
        link.check_runs(about, board_file.CHIP, board_file.PLATFORM)
        if board_file.NETWORK:
            link.check_network(about, board_file.FIRMWARE)
        say(f"  MicroPython {about.version}, {about.machine}, {about.free // 1024} kB of flash free")
        if not about.has_umqtt and board_file.PLATFORM != "rp2":
            files |= release.umqtt_files()
        wanted = release.complete(files, name)
        slots = look(board)
        plan = make_plan(wanted, slots, one_slot)
        if plan.is_done:
            say(f"  all {plan.same} files are there already: nothing copied")
        else:
            if one_slot and slots.active:
                _empty(board, slots, plan)
                about = board.about()
            plan = install(board, plan, slots, wanted, about, one_slot)
            board.remove(BOOTS)
        switch(board, slots, plan.slot)
        clear(board)
        has_config = board.sha("/config.json") != ""
    say(f"Installed and checked. {'config.json was kept. ' if has_config else ''}The device has been restarted.")
    if has_config:
        say(f"Next: make device-log PORT={port}   (what the device says)")
    else:
        say(f"Next: make config BOARD={name} PORT={port}   (WiFi, broker, packs: it has no configuration yet)")


def _empty(board: Board, slots: Slots, plan: Plan) -> None:
    """Give the flash of the other slot back."""
    for path in [release.LIST, *slots.files[plan.other]]:
        board.remove(f"{HOME}/{plan.other}/{path}")
