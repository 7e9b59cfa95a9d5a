"""Which values a backend takes; how they are checked with a file and jobs is tested in test_proposals.py."""

import pytest

from bot.domain.jobs import Hyperparameters
from bot.errors import BadArgument
from bot.tuning.start_values import check_hyperparameters
from tests.support.harness import Harness


def test_hyperparameters_are_judged_by_their_rules(harness: Harness) -> None:
    vertex, gemini = harness.proposals.profile("vertex"), harness.proposals.profile("gemini")
    check_hyperparameters(vertex, Hyperparameters(epochs=1, learning_rate_multiplier=0.5, adapter_size=16))
    for profile, chosen, words in (
        (vertex, Hyperparameters(adapter_size=3), "not one of 1, 2, 4, 8, 16"),
        (vertex, Hyperparameters(batch_size=4), "takes no batch_size"),
        (vertex, Hyperparameters(epochs=2.5), "not a whole number"),  # type: ignore[arg-type]
        (gemini, Hyperparameters(learning_rate=0.001, learning_rate_multiplier=2.0), "cannot be set together"),
    ):
        with pytest.raises(BadArgument, match=words):
            check_hyperparameters(profile, chosen)
