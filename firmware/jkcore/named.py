"""Log lines that tell the bus they are about. Loaded only by a bridge that has several."""


class Named:
    """A log that begins every line with the name of a bus."""

    def __init__(self, log, name: str):
        self._log = log
        self._name = name + ": "
        self.level = getattr(log, "level", 0)

    def __call__(self, level: int, text: str) -> None:
        self._log(level, self._name + text)
