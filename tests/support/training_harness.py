"""What the tests of real training share: a training task, how to wait for its end, and whether a process lives."""

import subprocess
import time
from pathlib import Path
from typing import Any, Final

import httpx

from bot.sandbox.google import Example, Trainer, TrainingTask
from bot.sandbox.google.trainer import TrainingRun
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


def training_task(rows: int = 15, **more: Any) -> TrainingTask:
    """Return a training task of made rows."""
    examples = [Example((("user", f"what is {row}?"), ("model", f"{row * row}."))) for row in range(rows)]
    facts: dict[str, Any] = {
        "examples": examples,
        "example_count": rows,
        "validation": (),
        "epochs": 2,
        "batch_size": 4,
    }
    facts["total_steps"] = -(-rows * 2 // 4)
    return TrainingTask(**(facts | more))


async def trained(trainer: Trainer, taught: TrainingTask) -> TrainingRun:
    """Train a training task to its end."""
    training_run = trainer.begin(taught, time.time())

    def ended() -> bool:
        return training_run.step(time.time()) == taught.total_steps or training_run.failure(0) is not None

    await wait_until(ended, "the end of the training", within=TRAINING_SECONDS)
    return training_run
