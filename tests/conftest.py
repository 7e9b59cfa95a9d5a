"""How Hypothesis runs in the whole suite: what a slow machine changes is no reason to fail."""

import os

from hypothesis import HealthCheck, settings

settings.register_profile("here", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# In CI each run tries the same examples, so that a failure there is the fault of the change that it runs for.
settings.register_profile("ci", settings.get_profile("here"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")
