"""Why a command of the command line ends without having done what it was asked."""

from __future__ import annotations

FAILED = 1
UNUSABLE = 2


class ChangeError(Exception):
    """The text is a sentence. code: of the process: FAILED when it was refused or went wrong, UNUSABLE for the command
    line, a file, or the way to the packs."""

    def __init__(self, text: str, code: int = FAILED) -> None:
        super().__init__(text)
        self.code = code
