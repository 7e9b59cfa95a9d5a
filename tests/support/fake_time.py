"""Sets the clock of one process wrong with libfaketime, as the clock of a whole machine.

APScheduler, slack-sdk and other libraries read the system's clock by themselves. libfaketime changes what they
read, by what a file says, and leaves the monotonic clock alone, which nobody can set.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

# libfaketime names its shared memory by the process. A process that was killed leaves it behind, and a later one
# with the same id then ends at once: "libfaketime: In ft_shm_create(), shm_open failed".
_SHARED: Final = Path("/dev/shm")
_NAMES: Final = re.compile(r"(?:sem\.faketime_sem|faketime_shm)_(\d+)")


def faketime_library() -> str | None:
    """Return the path of libfaketime for programs with threads, None where it is not installed."""
    command = shutil.which("faketime")
    if command is None:
        return None
    remove_leftovers()
    asked = [command, "-m", "-f", "+0s", "printenv", "LD_PRELOAD"]
    return subprocess.run(asked, capture_output=True, text=True, timeout=60, check=True).stdout.strip()


def faketime_environment(library: str, clock: Path) -> dict[str, str]:
    """Return the variables of a process whose clock is wrong by what the file says."""
    return {
        "LD_PRELOAD": library,
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }


def set_offset(clock: Path, seconds: int) -> None:
    """Write the offset at one stroke: an empty file, read halfway, says that the clock is right."""
    new = clock.with_suffix(".new")
    new.write_text(f"{seconds:+d}s")
    new.replace(clock)


def remove_leftovers() -> None:
    """Remove what processes that no longer run left in shared memory."""
    for file in _SHARED.glob("*faketime_s*"):
        named = _NAMES.fullmatch(file.name)
        if named is not None and not _runs(int(named[1])):
            file.unlink(missing_ok=True)


def _runs(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
