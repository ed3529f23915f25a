"""The device's /main.py: starts the release of jkbridge that /jk/slot names, or the other one if that is not whole.

/jk/a and /jk/b are two slots for one release each: main (firmware/main.py), board, jkcore, jkdevice, and the file
`release`, written last. Its lines are "size sha256 path"; those with # are for people. An installation writes only
into the slot that is not running, then replaces /jk/slot (its first letter is the slot; what follows is left for
later) by renaming a checked file: whenever the power goes, one whole release is named. config.json lies beside this
file and belongs to no release.
"""

import os
import sys


def _is_whole(folder):
    """Every file of the release is there in its size. (The hashes were checked when it was installed.)"""
    files = 0
    try:
        with open(folder + "/release") as release:
            for line in release:
                if line[0] != "#":
                    row = line.split()
                    if os.stat(folder + "/" + row[2])[6] != int(row[0]):
                        return False
                    files += 1
    except (OSError, ValueError, IndexError):
        return False
    return files > 0


def _complete(folder):
    """Finish an update in place (for a flash too small for two releases): `commit` lists files to rename from NAME.new.
    What has no .new was renamed before the power went.
    """
    try:
        with open(folder + "/commit") as paths:
            for line in paths:
                path = folder + "/" + line.strip()
                try:
                    os.rename(path + ".new", path)
                except OSError:
                    pass
    except OSError:
        return
    os.remove(folder + "/commit")


def _load(slot):
    """main() of the release in a slot, or None: then the console says why, and nothing of it is left in memory."""
    folder = "/jk/" + slot
    _complete(folder)
    if not _is_whole(folder):
        print("jkbridge: there is no whole release in " + folder + ".")
        return None
    before = list(sys.modules)
    sys.path.insert(0, folder)
    try:
        import main

        return main.main
    except Exception as error:  # after a change of MicroPython an .mpy may be of the wrong version: ValueError
        print("jkbridge: the release in " + folder + " cannot be loaded:")
        sys.print_exception(error)
    sys.path.remove(folder)
    for name in list(sys.modules):
        if name not in before:
            del sys.modules[name]
    return None


def _choose():
    """main() of the release to run, or None."""
    try:
        with open("/jk/slot") as file:
            slot = file.read(1)
    except OSError:
        slot = "a"
    if slot != "b":
        slot = "a"
    return _load(slot) or _load("b" if slot == "a" else "a")


# While a release is imported, `import main` must find this file harmless if /jk holds none.
if __name__ == "__main__":
    start = _choose()
    # The program needs the memory.
    del _is_whole, _complete, _load, _choose
    if start:
        start()
    else:
        print("jkbridge is not installed whole: install it again with `make deploy`. config.json is kept.")
