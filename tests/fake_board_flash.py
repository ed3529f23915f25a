"""Runs in MicroPython's unix port: `fake_board_flash.py FOLDER CUT BLOCKS [boot]` makes FOLDER the flash at /.
A file whose name ends with .img is the blocks of a LittleFS instead, the file system that boards have; what is counted
then are writes and erasures of blocks.

At the operation number CUT that changes something the process is killed, as a board without power; a write has
written half of its bytes by then. CUT 0: never. boot: run /main.py, as a board does.
"""

import os
import sys

import vfs

left = int(sys.argv[2])
blocks = int(sys.argv[3])  # of 4 kB
place = sys.argv[1]
real = vfs.VfsPosix(place)
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


class Blocks:
    """The block device under LittleFS: 4 kB blocks in a file."""

    def __init__(self, file):
        self._file = file

    def readblocks(self, n, buffer, offset=0):
        self._file.seek(n * 4096 + offset)
        self._file.readinto(buffer)

    def writeblocks(self, n, buffer, offset=0):
        self._file.seek(n * 4096 + offset)
        if count():
            self._file.write(bytes(buffer)[: len(buffer) // 2])
            self._file.flush()
            die()
        self._file.write(buffer)
        self._file.flush()

    def ioctl(self, operation, n):
        if operation == 4:
            return blocks
        if operation == 5:
            return 4096
        if operation == 6:
            if count():
                die()
            self._file.seek(n * 4096)
            self._file.write(b"\xff" * 4096)
            self._file.flush()
        return 0


def littlefs(path):
    """The file system in an image; made anew when there is none, as a board does when it starts for the first time."""
    global left
    device = Blocks(open(path, "r+b"))
    # As MicroPython opens it on an ESP32
    options = {"readsize": 32, "progsize": 32, "lookahead": 32}
    try:
        return vfs.VfsLfs2(device, **options)
    except OSError:
        cut, left = left, 0
        vfs.VfsLfs2.mkfs(device, **options)
        left = cut
        return vfs.VfsLfs2(device, **options)


flash = littlefs(place) if place[-4:] == ".img" else Flash()
os.umount("/")
os.mount(flash, "/")
sys.path[:] = ["", ".frozen", "/lib"]
del sys.argv[1:4]
if sys.argv[1:] == ["boot"]:
    try:
        with open("/main.py") as file:
            source = file.read()
    except OSError:
        source = "print('no main.py')"
    exec(compile(source, "main.py", "exec"), {"__name__": "__main__"})
