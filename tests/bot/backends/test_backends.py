"""The table of backends builds what was asked for, and shows no secret."""

from bot.backends import PROFILES, BackendOptions, build_backends, build_gcs_files
from bot.backends.profiles import PALM, VERTEX, with_base_models, with_gs_prefixes
from bot.domain.place import Place
from bot.sandbox.google import GoogleStandIn
from tests.support.backend_harness import BUCKET, options


async def test_backends_come_in_the_order_they_were_asked_for() -> None:
    built = build_backends(["palm", "vertex", "gemini"], BackendOptions(project="p", bucket="b"))
    assert list(built) == ["palm", "vertex", "gemini"]
    for name, backend in built.items():
        assert backend.profile == with_gs_prefixes(PROFILES[name], ())
        await backend.close()


async def test_base_models_can_be_replaced() -> None:
    options = BackendOptions(base_models={"gemini": ("gemini-9",)})
    built = build_backends(["gemini", "palm"], options)
    assert built["gemini"].profile.base_models == ("gemini-9",)
    assert built["palm"].profile.base_models == PALM.base_models
    assert with_base_models(VERTEX, ()) is VERTEX
    for backend in built.values():
        await backend.close()


async def test_gs_files_have_connections_of_their_own(google: GoogleStandIn) -> None:
    google.buckets.put(BUCKET, "train.jsonl", b"{}\n")
    backends, files = build_backends(["vertex"], options(google)), build_gcs_files(options(google))
    await backends["vertex"].close()
    info = await files.describe(Place("T1", "C1"), "U1", f"gs://{BUCKET}/train.jsonl")
    assert info.size == 3
    await files.close()


def test_secrets_do_not_print() -> None:
    shown = repr(BackendOptions(access_token="ya29.secret", api_key="AIza-secret"))
    assert "secret" not in shown
