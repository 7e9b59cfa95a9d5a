"""A list in the form that Google answers with goes into the stand-in and comes out as it was."""

import json

import httpx

from bot.sandbox.google import GoogleStandIn
from tests.support.data_files import data_file


async def test_a_list_of_tuned_models_in_googles_form_comes_back_equal(
    client: httpx.AsyncClient, google: GoogleStandIn
) -> None:
    listed = json.loads(data_file("google/tuned_models_list.json"))
    assert len(listed["tunedModels"]) == 5
    for model in reversed(listed["tunedModels"]):
        google.tuned_models.adopt("palm", model)
    assert (await client.get("/v1beta3/tunedModels")).json() == listed
