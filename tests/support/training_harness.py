"""What the tests of real training share: a lesson, waiting for what happens, and whether a process lives."""

import subprocess
import time
from pathlib import Path
from typing import Any, Final

import httpx

from bot.sandbox.google import Example, Lesson, Trainer
from bot.sandbox.google.trainer import Course
from bot.sandbox.google.training_plan import Bounds
from tests.support.waiting import wait_until

# A job with these would go on for hours.
ENDLESS = Bounds(work=10**12, updates=10**7, seconds=1e6, passes=10**6, pairs=10**9)


# Real training in another process: the slowest thing that a test waits for.
TRAINING_SECONDS: Final = 300.0


async def operation_done(client: httpx.AsyncClient, operation: str) -> dict[str, Any]:
    """Look at an operation until it is done."""

    async def done() -> dict[str, Any] | None:
        view: dict[str, Any] = (await client.get(f"/v1/{operation}")).json()
        return view if view.get("done") else None

    return await wait_until(done, f"the end of {operation}", within=TRAINING_SECONDS)


def lives(process_id: int) -> bool:
    """Return whether a process runs; one that only waits to be counted by its parent doesn't."""
    if not Path("/proc").exists():
        return subprocess.run(["ps", "-p", str(process_id)], capture_output=True, check=False).returncode == 0
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def lesson(rows: int = 15, **more: Any) -> Lesson:
    """Return a lesson of made rows."""
    examples = [Example((("user", f"what is {row}?"), ("model", f"{row * row}."))) for row in range(rows)]
    facts: dict[str, Any] = {
        "examples": examples,
        "example_count": rows,
        "validation": (),
        "epochs": 2,
        "batch_size": 4,
    }
    facts["total_steps"] = -(-rows * 2 // 4)
    return Lesson(**(facts | more))


async def trained(trainer: Trainer, taught: Lesson) -> Course:
    """Train a lesson to its end."""
    course = trainer.begin(taught, time.time())
    await wait_until(lambda: course.step(time.time()) == taught.total_steps or course.failure(0) is not None)
    return course
