"""Where the recordings are, for tests on both interpreters: ../shared/frames beside the repository, or a
folder given.

`make test FRAMES=dir` sets the environment variable JKBRIDGE_FRAMES; tests/run_mp.py gets `--frames=dir`.
"""

import os

try:
    from unittest import SkipTest  # pytest reports this one as a skipped test
except ImportError:

    class SkipTest(Exception):
        """Raised by a test that lacks something; the text says what."""


given = None  # set by run_mp.py


def _is_folder(path):
    try:
        os.listdir(path)
    except OSError:
        return False
    return True


def folder():
    """Path of the folder of recordings (it holds rs485/ and can/), or None when there is none."""
    path = given or (os.getenv("JKBRIDGE_FRAMES") if hasattr(os, "getenv") else None)
    if path is None:
        here = __file__.replace("\\", "/").rsplit("/", 1)[0] if "/" in __file__ else "."
        path = here + "/../../../shared/frames"
    return path if _is_folder(path) else None


def rs485():
    """Path of the folder with the RS485 recordings (*.hex and expected/*.json). Raises SkipTest when it is
    absent.

    A folder given by hand may hold the .hex files itself.
    """
    path = folder()
    if path is None:
        raise SkipTest("no recordings: ../shared/frames is absent; make test FRAMES=dir names another folder")
    return path + "/rs485" if _is_folder(path + "/rs485") else path
