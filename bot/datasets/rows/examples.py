"""Defines an example, which every dialect is read into and written from.

`fast_reader.py` reads correct rows, `slow_reader.py` all others; `row_writer.py` writes them.
"""

import msgspec

from bot.domain.chat import Turn, TurnRole, after_system
from bot.domain.datasets import Dialect

PAIRS: dict[Dialect, tuple[str, str]] = {
    Dialect.GEMINI: ("text_input", "output"),
    Dialect.PALM: ("input_text", "output_text"),
    Dialect.PROMPT: ("prompt", "completion"),
}
# What system texts, and parts of a mapped input, are joined with.
BLANK_LINE = "\n\n"


class Example(msgspec.Struct, frozen=True, gc=False):
    """A system text (empty where there is none) and turns that alternate: user first, model last.

    `texts` are the turns' texts without their roles, which follow from their order. `rejected` is the answer to
    prefer less, in preference rows only. `whole` is the row as Vertex AI takes it where it has tools or files,
    which texts alone cannot hold; `files` counts those that it shows, `pictures` are the paths of those beside it,
    `stored` the addresses of those in Cloud Storage.
    """

    system: str
    texts: tuple[str, ...]
    rejected: str = ""
    whole: bytes = b""
    files: int = 0
    pictures: tuple[str, ...] = ()
    stored: tuple[str, ...] = ()

    @property
    def turns(self) -> tuple[Turn, ...]:
        return tuple(Turn(TurnRole.MODEL if i % 2 else TurnRole.USER, text) for i, text in enumerate(self.texts))

    @property
    def question(self) -> str:
        """The input of a single pair, the system text in front of it."""
        return after_system(self.system, self.texts[0]) if self.system else self.texts[0]
