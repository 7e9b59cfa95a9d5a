"""The table of backends: profiles, options, and what they keep to themselves."""

import pytest

from bot.backends import PROFILES, BackendOptions, build_backends, build_gcs_files
from bot.backends.profiles import GEMINI, PALM, VERTEX, with_base_models
from bot.domain.backend_profile import BackendProfile
from bot.domain.jobs import Hyperparameters

ALL = [VERTEX, GEMINI, PALM]


async def test_backends_come_in_the_order_they_were_asked_for() -> None:
    built = build_backends(["palm", "vertex", "gemini"], BackendOptions(project="p", bucket="b"))
    assert list(built) == ["palm", "vertex", "gemini"]
    for name, backend in built.items():
        assert backend.profile is PROFILES[name]
        await backend.close()


async def test_base_models_can_be_replaced() -> None:
    options = BackendOptions(base_models={"gemini": ("gemini-9",)})
    built = build_backends(["gemini", "palm"], options)
    assert built["gemini"].profile.base_models == ("gemini-9",)
    assert built["palm"].profile.base_models == PALM.base_models
    assert with_base_models(VERTEX, ()) is VERTEX
    for backend in built.values():
        await backend.close()


async def test_gs_files_have_connections_of_their_own() -> None:
    await build_gcs_files(BackendOptions()).close()


def test_secrets_do_not_print() -> None:
    shown = repr(BackendOptions(access_token="ya29.secret", api_key="AIza-secret"))
    assert "secret" not in shown


@pytest.mark.parametrize("profile", ALL, ids=lambda profile: profile.name)
def test_profiles_hold_together(profile: BackendProfile) -> None:
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
