"""What Google answers with can be read and written again without a loss."""

import json

from bot.sandbox.google.json_bodies import PALM, decode, encode
from tests.support.data_files import data_file


def test_a_list_of_tuned_models_in_googles_form_comes_back_equal() -> None:
    listed = json.loads(data_file("google/tuned_models_list.json"))
    assert len(listed["tunedModels"]) == 5
    for model in listed["tunedModels"]:
        assert encode(PALM, "TunedModel", decode(PALM, "TunedModel", model)) == model
