"""A long run by hand: it starts jobs while faults come, and checks the ledger once no fault is left.

    .venv/bin/python -m tests.faults --jobs 200 --seed 7

Ends with 1 if the ledger does not balance. The bot's log and database are kept in the directory that is printed.
"""

import argparse
import asyncio
import logging
import sys
import tempfile
import time
from pathlib import Path

from tests.faults.load_run import open_load_run
from tests.support.fake_time import faketime_library


async def run(jobs: int, seed: int, people: int, directory: Path) -> bool:
    """Run it; return whether the ledger balances."""
    began = time.monotonic()

    def say(words: str) -> None:
        print(f"{time.monotonic() - began:6.0f} s  {words}", flush=True)

    say(f"{jobs} jobs by {people} people, seed {seed}, in {directory}")
    if faketime_library() is None:
        say("faketime is not installed: only the bot's own clock jumps")
    async with open_load_run(seed, directory, people, fake_time=True) as place:
        ledger = await place.run(jobs, say)
        counts = place.faults.counts
    print(
        f"\n{sum(counts.values())} faults: {', '.join(f'{count} {name}' for name, count in counts.most_common())}"
    )
    print(f"{place.commands} commands typed for {jobs} jobs\n{place.bystanders}\n{place.spenders}\n\n{ledger}\n")
    wrong = ledger.wrong()
    print("\n".join(wrong) if wrong else "The ledger balances.")
    return not wrong


def not_cut_off(record: logging.LogRecord) -> bool:
    """The stand-ins log each request whose sender was killed."""
    return record.exc_info is None or not isinstance(record.exc_info[1], ConnectionResetError)


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__.partition("\n")[0])
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--people", type=int, default=10)
    given = parser.parse_args()
    logging.getLogger("aiohttp.server").addFilter(not_cut_off)
    directory = Path(tempfile.mkdtemp(prefix="tunebot-faults-"))
    sys.exit(0 if asyncio.run(run(given.jobs, given.seed, given.people, directory)) else 1)


if __name__ == "__main__":
    main()
