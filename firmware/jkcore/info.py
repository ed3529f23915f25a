"""bridge/info: what this bridge is and how it is configured, without secrets. Made at the start, then forgotten."""

from jkcore.version import VERSION


def put_head(message, instance: bytes, runtime: str, board: str) -> None:
    """The members in front of the buses, which speak for themselves."""
    message.open()
    message.string(b"version", VERSION)
    message.string(b"instance", instance)
    message.string(b"runtime", runtime)
    message.string(b"board", board)
    message.key(b"bus")


def put_tail(message, config: dict) -> None:
    """The members behind them. A device that has forgotten jkcore.config has kept config["public"] for this."""
    shown = config.get("public")
    if shown is None:
        from jkcore.config import public

        shown = public(config)
    message.put(b',"configuration":')
    _put_json(message, shown)
    if config.get("problem"):
        message.string(b"problem", config["problem"])
    message.close()


def _put_json(message, value) -> None:
    """A configuration value: dict, list, text, whole number, yes/no."""
    if isinstance(value, dict):
        message.open()
        for key in value:
            message.key(key.encode())
            _put_json(message, value[key])
        message.close()
    elif isinstance(value, list):
        message.put_byte(91)
        for i, item in enumerate(value):
            if i:
                message.put_byte(44)
            _put_json(message, item)
        message.put_byte(93)
    elif value is True or value is False:
        message.put(b"true" if value else b"false")
    elif isinstance(value, int):
        message.put_fixed(value, 0)
    elif value is None:
        message.put(b"null")
    else:
        message.quoted(str(value).encode())
