"""Runs in MicroPython's unix port: `fake_board_flash.py FOLDER CUT BLOCKS [boot]` makes FOLDER the flash at /.

At the operation number CUT that changes something the process is killed, as a board without power; a write has
written half of its bytes by then. CUT 0: never. boot: run /main.py, as a board does.
"""

import os
import sys

import vfs

left = int(sys.argv[2])
blocks = int(sys.argv[3])  # of 4 kB
real = vfs.VfsPosix(sys.argv[1])
kill = os.system


def count():
    """One more operation; True when it is the one that fails."""
    global left
    left -= 1
    return left == 0


def die():
    kill("kill -9 $PPID")


def absolute(path):
    return path if path[:1] == "/" else "/" + path


class File:
    """A file that is written."""

    def __init__(self, file):
        self._file = file

    def write(self, data):
        if count():
            self._file.write(bytes(data)[: len(data) // 2])
            self._file.flush()
            die()
        return self._file.write(data)

    def close(self):
        if count():
            die()
        self._file.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Flash:
    def mount(self, readonly, mkfs):
        pass

    def umount(self):
        pass

    def open(self, path, mode):
        if "w" not in mode:
            return real.open(absolute(path), mode)
        if count():
            die()
        return File(real.open(absolute(path), mode))

    def stat(self, path):
        return real.stat(absolute(path))

    def ilistdir(self, path):
        return real.ilistdir(absolute(path))

    def getcwd(self):
        return "/"

    def chdir(self, path):
        pass

    def statvfs(self, path):
        free = blocks - sum([-(-row[3] // 4096) for row in walk("/")])
        return (4096, 4096, blocks, free, free, 0, 0, 0, 0, 255)

    def rename(self, old, new):
        if count():
            die()
        # VfsPosix with a root of its own mixes two absolute paths up; a relative one is below the working folder.
        real.rename(absolute(old)[1:], absolute(new)[1:])

    def remove(self, path):
        if count():
            die()
        real.remove(absolute(path))

    def mkdir(self, path):
        if count():
            die()
        real.mkdir(absolute(path))

    def rmdir(self, path):
        if count():
            die()
        real.rmdir(absolute(path))


def walk(folder):
    for row in real.ilistdir(folder):
        if row[1] & 0x4000:
            yield (row[0], 0, 0, 2 * 4096)
            yield from walk(folder + "/" + row[0])
        else:
            yield (row[0], 0, 0, real.stat(folder + "/" + row[0])[6])


os.umount("/")
os.mount(Flash(), "/")
sys.path[:] = ["", ".frozen", "/lib"]
del sys.argv[1:4]
if sys.argv[1:] == ["boot"]:
    try:
        with open("/main.py") as file:
            source = file.read()
    except OSError:
        source = "print('no main.py')"
    exec(compile(source, "main.py", "exec"), {"__name__": "__main__"})
