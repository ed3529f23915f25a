"""Why a command is not carried out."""


class CommandError(Exception):
    """A command is refused. code: of texts.py, values: what its sentence names (texts and whole numbers)."""

    def __init__(self, code: int, *values):
        super().__init__(code)
        self.code = code
        self.values = values
        self.field = None  # name of the field it is about, None: the whole command
