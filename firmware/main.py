"""jkbridge on a device: config.json and board.py in, the loop round and round. Starts by itself after a reset.

What goes wrong at the start is said in a sentence on the console; then the program ends (on the unix port with
status 1).
"""

import gc
import sys


def begin():
    """The loop, or None; what was needed only to make it has left the memory again."""
    try:
        import jkdevice
        from jkdevice import start
    except ImportError as error:
        print("jkbridge cannot start. A file of jkbridge is missing (" + str(error) + "): install it again, complete.")
        return None
    loop = start.begin()
    del start
    for name in ("start", "files", "hardware"):
        if sys.modules.pop("jkdevice." + name, None):
            delattr(jkdevice, name)
    gc.collect()
    return loop


def main():
    """Exit status: 0 after Ctrl-C, 1 when it could not start or had to end."""
    try:
        loop = begin()
    except KeyboardInterrupt:
        return 0
    if loop is None:
        return 1
    try:
        loop.run()
    except KeyboardInterrupt:
        print("Ending.")
        try:
            loop.finish()
        except KeyboardInterrupt:
            loop.drop()  # in a hurry: the will says it
        return 0
    except Exception as error:
        print("jkbridge ends because of an error of its own. Please report this:")
        sys.print_exception(error)
        # Not polite: whoever relies on us must see "offline".
        loop.drop()
        return 1


if __name__ == "__main__":
    status = main()
    if status and sys.platform == "linux":
        sys.exit(status)
