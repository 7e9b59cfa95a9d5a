"""Hostile and large training files at Google's stand-in, in a process of its own, and what a bot is told of it.

    .venv/bin/python -m tests.benchmarks.stored_files DIRECTORY --large 20 --megabytes 100

The command serves until it is ended; the bot's settings and the files' locations are written to
DIRECTORY/google.json. Models answer after `--answer-seconds`.
"""

import asyncio
import gzip
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import click

from bot.sandbox.google import GoogleStandIn
from tests.benchmarks.large_file import chat_rows

BUCKET = "benchmark"
MEGABYTE = 1_000_000


def one_endless_line() -> bytes:
    return b"x" * (40 * MEGABYTE)


def deep_nesting() -> bytes:
    return b"\n".join(b'{"messages":' + b"[" * MEGABYTE for _ in range(20))


def gzip_bomb() -> bytes:
    return gzip.compress(bytes(1500 * MEGABYTE), compresslevel=6)


def tiny_bad_rows() -> bytes:
    return b"1\n" * (10 * MEGABYTE)


def distinct_keys() -> bytes:
    return b"\n".join(
        b"{" + b",".join(b'"%d-%d":1' % (row, key) for key in range(100_000)) + b"}" for row in range(15)
    )


def open_quotes() -> bytes:
    return b"text_input,output\n" + b'"a,b\n' * (4 * MEGABYTE)


def runs_of_escapes() -> bytes:
    return b"\n".join(b'{"text_input": "' + b"\\u0000" * 200_000 + b'", "output": ""}' for _ in range(15))


# The names say how each file attacks; the checks of all of them run at the same time.
HOSTILE: dict[str, Callable[[], bytes]] = {
    "one-endless-line.jsonl": one_endless_line,
    "deep-nesting.jsonl": deep_nesting,
    "gzip-bomb.jsonl.gz": gzip_bomb,
    "tiny-bad-rows.jsonl": tiny_bad_rows,
    "distinct-keys.jsonl": distinct_keys,
    "open-quotes.csv": open_quotes,
    "runs-of-escapes.jsonl": runs_of_escapes,
}


def write_large(path: Path, megabytes: int, number: int) -> None:
    """Write a file of good rows; `number` makes it differ from the others."""
    with path.open("wb") as file:
        file.writelines(row.replace(b"Question", b"Question %d of file" % number) for row in chat_rows(megabytes))


@asynccontextmanager
async def stored_files(
    directory: Path, *, large: int = 0, megabytes: int = 0, hostile: bool = False, answer_seconds: float = 0.0
) -> AsyncIterator[tuple[dict[str, str], list[str]]]:
    """Serve the files from a process; yields the settings of a bot and the files' locations."""
    facts = directory / "google.json"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.benchmarks.stored_files", str(directory), "--large", str(large)),
        *("--megabytes", str(megabytes), "--answer-seconds", str(answer_seconds)),
        *(("--hostile",) if hostile else ()),
    )
    try:
        while not facts.exists():
            if process.returncode is not None:
                raise click.ClickException("Google's stand-in did not start")
            await asyncio.sleep(0.1)
        found = json.loads(facts.read_text())
        settings = {
            "TUNEBOT_DB": str(directory / "tunebot.db"),
            "TUNEBOT_BUCKET": BUCKET,
            "TUNEBOT_GS_PREFIXES": f"gs://{BUCKET}",
        }
        yield found["environment"] | settings, found["files"]
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def contents(large: int, megabytes: int, *, hostile: bool, directory: Path) -> Iterator[tuple[str, Path]]:
    """Write one file after the other; yields the name and the path of each."""
    for number in range(large):
        path = directory / f"large-{number}.jsonl"
        write_large(path, megabytes, number)
        yield path.name, path
    for name, build in HOSTILE.items() if hostile else ():
        path = directory / name
        path.write_bytes(build())
        yield name, path


async def _serve(directory: Path, large: int, megabytes: int, *, hostile: bool, answer_seconds: float) -> None:
    async with GoogleStandIn(job_seconds=3600.0, seed=1) as google:
        google.create_bucket(BUCKET)
        files: list[str] = []
        for name, path in contents(large, megabytes, hostile=hostile, directory=directory):
            google.buckets.put(BUCKET, name, path.read_bytes())
            path.unlink()
            files.append(f"gs://{BUCKET}/{name}")
        if answer_seconds:
            google.faults.delay(answer_seconds, path=r":(stream)?[gG]enerate(Content|Text)$", times=None)
        # Google's machines take no processor from the bot.
        os.nice(15)
        written = directory / "google.part"
        written.write_text(json.dumps({"environment": google.environment(), "files": files}))
        written.rename(directory / "google.json")
        while True:
            # The journal keeps every request; a benchmark makes many.
            await asyncio.sleep(5.0)
            google.requests.clear()


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--large", default=0, help="How many large files.")
@click.option("--megabytes", default=100, help="The size of each.")
@click.option("--hostile", is_flag=True, help="Store the hostile files too.")
@click.option("--answer-seconds", default=0.0, help="How long a model takes to answer.")
def main(directory: Path, large: int, megabytes: int, hostile: bool, answer_seconds: float) -> None:
    """Serve."""
    asyncio.run(_serve(directory, large, megabytes, hostile=hostile, answer_seconds=answer_seconds))


if __name__ == "__main__":
    main()
