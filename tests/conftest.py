"""What holds in the whole suite: how Hypothesis runs, and what saves time in each process of it."""

import gc
import importlib.util
import os
import sys

from hypothesis import HealthCheck, settings

settings.register_profile("here", max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
# In CI each run tries the same examples, so that a failure there is the fault of the change that it runs for.
settings.register_profile("ci", settings.get_profile("here"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")

# Each worker, and each process that a test starts, would compile all modules again where a machine says otherwise.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# httpcore tries to import it in each request, and each failing import searches every folder again.
if importlib.util.find_spec("sniffio") is None:
    sys.modules["sniffio"] = None  # type: ignore[assignment]


def pytest_collection_finish() -> None:
    """Let the collector of garbage pass over what lives as long as the tests: modules, and thousands of items."""
    gc.collect()
    gc.freeze()
