"""Runs on the device, sent there by link.py: what an installation does with the files of the board.

MicroPython dialect. Every step prints one line and feeds the watchdog: a program that was stopped leaves it running.
"""

import gc
import hashlib
import os
import sys
from binascii import a2b_base64, b2a_base64, hexlify


def _watchdog():
    try:
        from machine import WDT
    except ImportError:
        return None
    # The ESP32's can be set anew; the Pico's cannot exceed this. If the PC goes away, the device restarts by itself.
    return WDT(timeout=120000 if sys.platform == "esp32" else 8300)


_dog = _watchdog()


def feed():
    if _dog:
        _dog.feed()


def sha(path):
    """Hex sha256 of a file, "" for none."""
    digest = hashlib.sha256()
    buffer = bytearray(1024)
    view = memoryview(buffer)
    try:
        with open(path, "rb") as file:
            while True:
                n = file.readinto(buffer)
                if not n:
                    break
                digest.update(view[:n])
                feed()
    except OSError:
        return ""
    return hexlify(digest.digest()).decode()


def scan(folder, prefix=""):
    """Print "size sha256 path" of every file below a folder, and "0 - path/" of every folder in it."""
    try:
        rows = list(os.ilistdir(folder))
    except OSError:
        return
    for row in rows:
        path = folder + "/" + row[0]
        if row[1] & 0x4000:
            scan(path, prefix + row[0] + "/")
            print("0", "-", prefix + row[0] + "/")
        else:
            print(os.stat(path)[6], sha(path), prefix + row[0])


def show(path):
    """Print a file in base64, line by line; "none" when there is none."""
    try:
        with open(path, "rb") as file:
            while True:
                part = file.read(384)
                if not part:
                    break
                print(b2a_base64(part).decode().strip())
    except OSError:
        print("none")


def create(path):
    """Begin a file, with the folders above it. `put` and `finish` follow."""
    global _file
    feed()
    for i in range(1, len(path)):
        if path[i] == "/":
            try:
                os.mkdir(path[:i])
            except OSError:
                pass  # it is there, or open() says what is wrong
    _file = open(path, "wb")


def put(text):
    feed()
    _file.write(a2b_base64(text))


def finish(path):
    """Close the file and read it back."""
    _file.close()
    print(sha(path))
    gc.collect()


def copy(source, target):
    """Copy a file inside the device and read the copy back."""
    create(target)
    with open(source, "rb") as file:
        while True:
            part = file.read(1024)
            if not part:
                break
            _file.write(part)
            feed()
    finish(target)


def remove(path):
    """Remove a file or an empty folder that is there; a folder ends with /."""
    feed()
    try:
        if path[-1] == "/":
            os.rmdir(path[:-1])
        else:
            os.remove(path)
    except OSError:
        pass


def replace(path, digest):
    """Put path.new, which must have this hash, in the place of path; print the hash that it had."""
    found = sha(path + ".new")
    if found == digest:
        os.rename(path + ".new", path)
        try:
            os.sync()
        except AttributeError:
            pass
    print(found)


def about():
    """Print what this device is, a line each: platform, version, .mpy, machine, free and block bytes, network, frozen
    umqtt.
    """
    gc.collect()
    info = sys.implementation
    print(sys.platform)
    print(".".join([str(n) for n in info[1][:3]]))
    print(getattr(info, "_mpy", 0) & 0xFF)
    print(getattr(info, "_machine", ""))
    try:
        row = os.statvfs("/")
        print(row[0] * row[3], row[0])
    except OSError:
        print(0, 4096)
    try:
        import network  # noqa: F401

        print("network")
    except ImportError:
        print("none")
    for name in ("umqtt", "umqtt.simple"):
        sys.modules.pop(name, None)  # the one of the program that was stopped may be our own
    path = list(sys.path)
    sys.path[:] = [".frozen"]
    try:
        import umqtt.simple  # noqa: F401

        print("frozen")
    except ImportError:
        print("none")
    sys.path[:] = path
