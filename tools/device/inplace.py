"""An update on a flash too small for two releases (Pico W): changed files beside the old ones as NAME.new, then one
list of them, `commit`; the launcher renames them at the next start. Interrupted before the list is there, the old
release starts; after that, the launcher completes the new one however often it is interrupted.
"""

from __future__ import annotations

from device.link import Board, Entry, digest
from device.release import LIST, listed

COMMIT = "commit"


def changed(wanted: dict[str, bytes], there: dict[str, Entry]) -> list[str]:
    """Paths of the files that are not there as wanted."""
    return [path for path, data in wanted.items() if path not in there or there[path].sha != digest(data)]


def waste(there: dict[str, Entry], wanted: dict[str, bytes], running: dict[str, str]) -> list[str]:
    """Files that the running release does not need and the wanted one cannot use: of older or interrupted updates."""
    found = []
    for path, entry in there.items():
        if path.endswith(".new"):
            data = wanted.get(path[:-4])
            if data is None or digest(data) != entry.sha:
                found.append(path)
        elif path not in running and path != LIST and not path.endswith("/"):
            found.append(path)
    return found


def carry_out(board: Board, folder: str, wanted: dict[str, bytes], there: dict[str, Entry]) -> None:
    """Everything up to the list that makes it count."""
    for path in waste(there, wanted, listed(board.read(f"{folder}/{LIST}"))):
        board.remove(f"{folder}/{path}")
    todo = changed(wanted, there)
    for path in todo:
        ready = there.get(path + ".new")
        if ready is None or ready.sha != digest(wanted[path]):
            board.write(f"{folder}/{path}.new", wanted[path])
    board.replace(f"{folder}/{COMMIT}", "".join(path + "\n" for path in todo).encode())


def complete(board: Board, folder: str) -> None:
    """What the launcher does with a list that is there, if the device has not started since."""
    data = board.read(f"{folder}/{COMMIT}")
    if data is not None:
        for path in data.decode().split():
            board.rename(f"{folder}/{path}.new", f"{folder}/{path}")
        board.remove(f"{folder}/{COMMIT}")
