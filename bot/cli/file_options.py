"""What the commands on training files share: their options, and how they read a file and name what failed."""

import codecs
import io
import shlex
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from bot.domain.datasets import FieldMapping
from bot.errors import BotError

if TYPE_CHECKING:
    from bot.cli.local_pictures import LocalPictures

CHUNK_BYTES: Final = 1024 * 1024
FILE = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
INPUT = click.option("--input", "input_key", default="", help="The key of a row that holds the input.")
OUTPUT = click.option("--output", "output_key", default="", help="The key of a row that holds the output.")
ENCODING = click.option(
    "--encoding",
    default="utf-8",
    show_default=True,
    help="The encoding of the file's characters.",
)

PICTURES = click.option(
    "--pictures",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The folder in which the pictures are that rows name by a path.",
)

PREFERRED = click.option(
    "--preferred", is_flag=True, help="Learn only the preferred answer of rows that have two answers."
)


def mapping_of(input_key: str, output_key: str) -> FieldMapping | None:
    if bool(input_key) != bool(output_key):
        raise click.UsageError("Give --input and --output together.")
    return FieldMapping(input_key, output_key) if input_key else None


def local_pictures(folder: Path | None) -> "LocalPictures | None":
    from bot.cli.local_pictures import LocalPictures

    return LocalPictures(folder) if folder is not None else None


def chunks(file: Path, label: str, encoding: str) -> Iterator[bytes]:
    """Yield the file's bytes in UTF-8 and show a progress bar if standard error is a terminal.

    A packed file in another encoding is unpacked, since the encoding is that of its text.
    """
    from bot.datasets.formats.unpacker import Unpacker

    try:
        # codecs.lookup alone would also find those that are none of text, such as base64.
        io.TextIOWrapper(io.BytesIO(), encoding)
        info = codecs.lookup(encoding)
    except LookupError:
        raise click.BadParameter(
            f"{encoding} is no encoding that Python knows; cp1252, gb18030 and shift_jis are some.",
            param_hint="--encoding",
        ) from None
    decoder = info.incrementaldecoder() if info.name != "utf-8" and info.incrementaldecoder else None
    with (
        file.open("rb") as source,
        click.progressbar(length=file.stat().st_size, label=f"{label} {file.name}", file=sys.stderr) as bar,
    ):
        unpacker = Unpacker() if decoder is not None else None
        while chunk := source.read(CHUNK_BYTES):
            for piece in unpacker.feed(chunk) if unpacker is not None else (chunk,):
                yield _in_utf8(decoder, piece, encoding)
            bar.update(len(chunk))
        if unpacker is None:
            return
        for piece in unpacker.finish():
            yield _in_utf8(decoder, piece, encoding)
        if unpacker.problem is not None:
            raise BotError(unpacker.problem.message(), unpacker.problem.advice())
        yield _in_utf8(decoder, b"", encoding, final=True)


def _in_utf8(
    decoder: codecs.IncrementalDecoder | None, chunk: bytes, encoding: str, *, final: bool = False
) -> bytes:
    if decoder is None:
        return chunk
    try:
        return decoder.decode(chunk, final).encode()
    except UnicodeError:
        raise BotError(f"The file cannot be read as {encoding}.", "Name another --encoding.") from None


def check_command(
    file: Path,
    input_key: str,
    output_key: str,
    encoding: str,
    pictures: Path | None,
    more: Mapping[str, str] | None = None,
) -> str:
    """Return the command that checks a file as a person has described it."""
    values = {"--input": input_key, "--output": output_key, "--pictures": str(pictures or "")} | dict(more or {})
    if encoding.lower() not in ("utf-8", "utf8"):
        values["--encoding"] = encoding
    name = click.format_filename(file)
    if name.startswith("-"):
        name = f"./{name}"  # else it would be taken for an option
    words = [word for option, value in values.items() if value for word in (option, value)]
    return shlex.join(["tunebot", "check", name, *words])


def pictures_stay(written: Path | None) -> str:
    """Return what to do with a file whose rows still name pictures by their paths."""
    return (
        f"{written.name if written else 'What is written'} names pictures by their paths, and does not hold them: "
        "put it and the pictures, in the folders that it names, into one zip."
    )


@contextmanager
def saying_what_failed(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise BotError(f"{path} cannot be written: {reason}.", "Nothing of what was there is changed.") from error
