"""Why a command of the command line ends without having done what it was asked."""

from __future__ import annotations

FAILED = 1
UNUSABLE = 2


class ChangeError(Exception):
    """The text is a sentence. code: of the process: 1 refused or failed, 2 the command line, file or way is unusable."""

    def __init__(self, text: str, code: int = FAILED) -> None:
        super().__init__(text)
        self.code = code
