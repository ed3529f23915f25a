"""Files in flash: reads config.json and says where it is wrong; replaces small files of our own in one step.

MicroPython's JSON error has no position, so it is taken from how far the stream was read.
"""

import io
import json
import os


class FileError(Exception):
    """The file is missing or no JSON: a sentence for people."""


def read_config(path):
    """What config.json holds, unchecked (jkcore.config.load checks it). Raises FileError."""
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError:
        example = '{"mqtt": {"host": "192.168.1.10"}} with the address of your MQTT broker.'
        how = "`make config BOARD=... PORT=...` on your PC asks for it and writes it. "
        raise FileError(path + " is missing: the device needs a configuration. " + how + "The shortest is " + example)
    return parse(data, path)


def parse(data, path):
    """The value of some bytes of JSON; `path` is named in the sentence of a FileError."""
    if data[:3] == b"\xef\xbb\xbf":
        data = data[3:]  # some editors put a byte order mark in front
    stream = io.BytesIO(data)
    try:
        return json.load(stream)
    except ValueError as error:
        try:
            str(data, "utf-8")
        except ValueError:
            raise FileError(path + " holds characters that are no UTF-8, an umlaut perhaps: save it as UTF-8.")
        raise FileError(path + " is not JSON: " + _where(data, getattr(error, "pos", None), stream.tell()))


def _where(data, position, consumed):
    # CPython says the position; MicroPython has read one byte beyond it.
    if position is None:
        position = consumed - 1 if consumed < len(data) else consumed
    if not data[position:].strip():
        # MicroPython has also read to the end when it stumbles over the last word.
        return 'its end does not fit. Is a "}" or a quotation mark missing, or is something behind the last "}"?'
    line = 1
    column = 1
    for i in range(position):
        if data[i] == 10:
            line += 1
            column = 1
        else:
            column += 1
    text = "look at line " + str(line) + ", about column " + str(column)
    return text + ". Typical: a comma missing or too many, a name without double quotes, a comment."


def load(path):
    """The value of a JSON file of our own; None when it is missing or broken."""
    try:
        with open(path, "rb") as file:
            return json.load(file)
    except (OSError, ValueError):
        return None


def content(path):
    """The bytes of a file, None when there is none."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return None


def replace(path, value):
    """Write a JSON file (value: bytes are written as they are); whenever the power goes, the old or the new one is
    whole. Returns False when that is not possible: said on the console, the program goes on without.
    """
    try:
        with open(path + ".new", "wb") as file:
            file.write(value if isinstance(value, bytes) else json.dumps(value).encode())
        os.rename(path + ".new", path)
        return True
    except OSError as error:
        print("jkbridge cannot write " + path + " (" + str(error) + "): is the flash full?")
        return False


def remove(path):
    """Remove a file if it is there."""
    try:
        os.remove(path)
    except OSError:
        pass
