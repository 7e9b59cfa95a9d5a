"""Training files and the dialects of their rows."""

from dataclasses import dataclass
from enum import StrEnum


class Dialect(StrEnum):
    """The keys of a training row. The names are those in the README and in `tunebot convert --to`."""

    GEMINI = "gemini"  # {"text_input", "output"}: the Gemini API's and the PaLM API's inline examples
    PALM = "palm"  # {"input_text", "output_text"}: PaLM on Vertex AI
    MESSAGES = "messages"  # {"messages": [{role: system|user|model, content}]}: gemini-1.0-pro-002
    VERTEX = "vertex"  # {"systemInstruction", "contents"}: Gemini on Vertex AI today
    PREFERENCE = "preference"  # {"contents", "completions"}: Vertex AI preference tuning
    OPENAI = "openai"  # {"messages": [{role: system|user|assistant|tool, content}]}
    PROMPT = "prompt"  # {"prompt", "completion"}
    SHAREGPT = "sharegpt"  # {"conversations": [{from: system|human|gpt, value}]}, or the bare list
    ALPACA = "alpaca"  # {"instruction", "input", "output"}, with "system" and "history" where there are any
    CLAUDE = "claude"  # {"system", "messages": [{role: user|assistant, content}]}; read as OPENAI
    TRL = "trl"  # {"prompt", "chosen", "rejected"}, and OpenAI's {"input", "preferred_output", ...}
    MAPPED = "mapped"  # any other keys, named by the user (`input=question output=answer`)


@dataclass(frozen=True, slots=True)
class FieldMapping:
    """The keys of the input and the output, for rows in no known dialect."""

    input: str
    output: str


@dataclass(frozen=True, slots=True)
class Dataset:
    """A checked file: its location and what the check found.

    `location` is `slack:FILE_ID` or a `gs://` URI; `sha256` is the hash of the checked bytes, so that a file
    that changed afterwards is never trained on; `characters` counts all text of all examples, `pictures` the
    different pictures that lie beside the rows.
    """

    location: str
    name: str
    sha256: str
    size: int
    examples: int
    dialect: Dialect
    characters: int = 0
    mapping: FieldMapping | None = None
    pictures: int = 0
