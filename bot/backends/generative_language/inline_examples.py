"""Training rows that travel inside the create request: JSONL in the Gemini dialect to `TuningExample`s."""

from collections.abc import AsyncIterator

import msgspec

from bot.backends.google.json_fields import Json
from bot.domain.backend_profile import BackendProfile
from bot.errors import BadArgument, FileTooLarge


class _Row(msgspec.Struct):
    text_input: str
    output: str


async def inline_examples(chunks: AsyncIterator[bytes], profile: BackendProfile) -> list[Json]:
    """Read every row.

    Raises FileTooLarge over the profile's `inline_bytes`, BadArgument for a row of another form.
    """
    limit = profile.limits.inline_bytes
    decoder = msgspec.json.Decoder(_Row)
    rows: list[Json] = []
    size = 0
    rest = b""
    async for chunk in chunks:
        size += len(chunk)
        if limit and size > limit:
            raise FileTooLarge(
                f"The rows are larger than {limit / 1_000_000:g} MB, which is all that the {profile.title} takes.",
                "Use fewer or shorter rows.",
            )
        *lines, rest = (rest + chunk).split(b"\n")
        rows += [_example(decoder, line, profile) for line in lines if line.strip()]
    if rest.strip():
        rows.append(_example(decoder, rest, profile))
    return rows


def _example(decoder: msgspec.json.Decoder[_Row], line: bytes, profile: BackendProfile) -> Json:
    try:
        row = decoder.decode(line)
    except msgspec.MsgspecError as error:
        raise BadArgument(
            f"A row is not of the form that the {profile.title} takes.",
            'Each line should be {"text_input": "...", "output": "..."}.',
            field="file",
        ) from error
    return {"textInput": row.text_input, "output": row.output}
