"""Real output of Google, kept in the seeds, goes into the stand-in and comes out as it was."""

import ast
from pathlib import Path

import httpx
import pytest

from bot.sandbox.google import GoogleStandIn

SEEDS = Path(__file__).parents[5] / "shared" / "seeds"


async def test_googles_own_list_answer_comes_back_equal(client: httpx.AsyncClient, google: GoogleStandIn) -> None:
    found = list(SEEDS.glob("000_*.txt"))
    if not found:
        pytest.skip("the seed documents are not beside this checkout")
    text = found[0].read_text("utf-8")
    line = next(line for line in text.splitlines() if line.startswith("{'tunedModels': "))
    real = ast.literal_eval(line)
    assert len(real["tunedModels"]) == 5
    for model in reversed(real["tunedModels"]):
        google.tuned_models.adopt("palm", model)
    assert (await client.get("/v1beta3/tunedModels")).json() == real
