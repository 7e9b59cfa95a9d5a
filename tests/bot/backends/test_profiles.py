"""Profiles say what Google's protos say, and are consistent."""

import re

import pytest

from bot.backends.profiles import GEMINI, PALM, VERTEX
from bot.domain.backend_profile import BackendProfile
from bot.domain.jobs import Hyperparameters
from tests.outside import protos

ALL = [VERTEX, GEMINI, PALM]


def test_profiles_say_that_google_no_longer_trains_there() -> None:
    assert not GEMINI.trains_today
    assert not PALM.trains_today
    assert "May 2025" in GEMINI.notice
    assert "shut" in PALM.notice


@pytest.mark.parametrize("profile", ALL, ids=lambda profile: profile.name)
def test_profiles_are_consistent(profile: BackendProfile) -> None:
    fields = set(Hyperparameters.__dataclass_fields__)
    names = [rule.name for rule in profile.hyperparameters]
    assert len(set(names)) == len(names)
    assert set(names) <= fields
    for rule in profile.hyperparameters:
        assert rule.default is not None or rule.note, f"{rule.name} says what an empty field means"
        if rule.excludes:
            other = profile.rule(rule.excludes)
            assert other is not None
            assert other.excludes == rule.name
    assert profile.base_models
    assert profile.trains_today or profile.notice
    epochs = profile.rule("epochs")
    assert epochs is not None
    assert (epochs.default or 0) == profile.default_epochs


def test_vertex_is_the_only_one_that_trains() -> None:
    assert [profile.name for profile in ALL if profile.trains_today] == ["vertex"]


@pytest.mark.parametrize(
    ("profile", "version"),
    [(GEMINI, "v1beta"), (PALM, "v1beta3")],
    ids=lambda value: getattr(value, "name", value),
)
def test_defaults_are_those_of_googles_proto(profile: BackendProfile, version: str) -> None:
    """The comments of tuned_model.proto are the docstring of Hyperparameters in Google's own package."""
    documented = " ".join((protos.MODULES[version].Hyperparameters.__doc__ or "").split())

    def default(field: str) -> str:
        after = documented.split(f"{field} (")[1]
        found = re.search(r"default of ([0-9.]+(?: or [0-9.]+)?) will be", after)
        assert found is not None
        return found[1]

    epochs, batch, rate = (profile.rule(name) for name in ("epochs", "batch_size", "learning_rate"))
    assert epochs is not None
    assert str(epochs.default) == default("epoch_count")
    assert batch is not None
    assert f"Google takes {default('batch_size')}," in batch.note
    assert rate is not None
    assert f"Google takes {default('learning_rate')}," in rate.note
