"""The `/tune` form, drawn, filled in by a person at the Slack stand-in, and read back."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from bot.domain.backend_profile import BackendProfile
from bot.domain.datasets import FieldMapping
from bot.domain.jobs import Hyperparameters
from bot.domain.operations import TunedModel
from bot.domain.requests import Quality, StartRequest
from bot.errors import BadArgument, Outdated
from bot.ports.files import FileInfo
from bot.sandbox.slack.person.inputs import entered_values, state_values, unmet
from bot.sandbox.slack.rules.block_shapes import filled_in
from handlers.blocks.start.form import FormState, build_form
from handlers.blocks.start.form_reader import StartForm, field_errors, read_form
from tests.support import block_samples as samples
from tests.support.block_checks import check_view
from tests.support.block_samples import ADA, GEMINI, VERTEX

RECENT = (FileInfo("slack:F1", "next_number.jsonl", 900), FileInfo("slack:F2", "big.jsonl", 52_000_000))
UPLOAD = {"id": "F9", "name": "mine.jsonl", "size": 1_234}


def form(*profiles: BackendProfile, **state: Any) -> dict[str, Any]:
    view = build_form(FormState(ADA, profiles or (VERTEX, GEMINI), **{"advanced": True, **state}))
    check_view(view)
    return view


def fill(view: dict[str, Any], **entries: Any) -> dict[str, Any]:
    """The view as Slack hands it back once a person has put these values in, by block id."""
    blocks = filled_in(view["blocks"])
    values: dict[str | tuple[str, str], Any] = dict(entries.items())
    entered = entered_values(blocks, values, lambda given: given)
    state = state_values(blocks, entered)
    assert unmet(blocks, state) == {}
    return {**view, "blocks": blocks, "state": {"values": json.loads(json.dumps(state))}}


def submit(view: dict[str, Any], **values: Any) -> StartForm:
    return read_form(fill(view, **values), ADA)


def block(view: dict[str, Any], block_id: str) -> Any:
    return next((each for each in view["blocks"] if each.get("block_id") == block_id), None)


def ids(view: dict[str, Any]) -> list[str]:
    return [each["block_id"] for each in view["blocks"]]


def plain(text: str) -> dict[str, str]:
    return {"type": "plain_text", "text": text}


def test_the_short_form_asks_for_the_file_the_name_and_the_quality() -> None:
    view = form(advanced=False, recent=RECENT)
    assert ids(view) == ["file_upload", "file_recent", "file_uri", "name", "quality", "advanced", "next"]
    read = submit(view, file_uri="gs://bucket/a.jsonl", quality="thorough")
    assert read.request == StartRequest("vertex", file="gs://bucket/a.jsonl", quality=Quality.THOROUGH)
    chosen = form(advanced=False, request=StartRequest(hyperparameters=Hyperparameters(epochs=3)))
    assert "epochs" in ids(chosen), "a value that was given is shown"
    assert "backend" in ids(form(advanced=False, request=StartRequest("gemini")))


def test_the_form_of_one_backend() -> None:
    small = replace(VERTEX, hyperparameters=VERTEX.hyperparameters[:1], takes_validation=False)
    assert form(small) == {
        "type": "modal",
        "callback_id": "start_form",
        "title": plain("Tune a model"),
        "submit": plain("Check the file"),
        "close": plain("Close"),
        "private_metadata": '{"user":"U1","team":"T1","channel":"C1","backend":"vertex","advanced":true}',
        "blocks": [
            {
                "type": "input",
                "block_id": "base_model",
                "label": plain("Base model"),
                "optional": False,
                "element": {
                    "type": "static_select",
                    "action_id": "base_model_vertex",
                    "options": [
                        {"text": plain("gemini-3.5-flash"), "value": "gemini-3.5-flash"},
                        {"text": plain("gemini-3.5-flash-lite"), "value": "gemini-3.5-flash-lite"},
                    ],
                    "initial_option": {"text": plain("gemini-3.5-flash"), "value": "gemini-3.5-flash"},
                },
            },
            {
                "type": "input",
                "block_id": "file_upload",
                "label": plain("Training file: upload it"),
                "optional": True,
                "hint": plain(
                    "JSONL, up to 10 MB. Share a larger file in this channel first, then pick it below."
                ),
                "element": {"type": "file_input", "action_id": "upload", "max_files": 1},
            },
            {
                "type": "input",
                "block_id": "file_uri",
                "label": plain("…or a gs:// address or a link to a Slack file"),
                "optional": True,
                "element": {
                    "type": "plain_text_input",
                    "action_id": "uri",
                    "multiline": False,
                    "placeholder": plain("gs://my-bucket/examples.jsonl"),
                },
            },
            {
                "type": "input",
                "block_id": "name",
                "label": plain("Name"),
                "optional": True,
                "hint": plain("At most 128 characters. Leave it empty to name it after the file."),
                "element": {
                    "type": "plain_text_input",
                    "action_id": "name",
                    "multiline": False,
                    "max_length": 128,
                },
            },
            {
                "type": "input",
                "block_id": "quality",
                "label": plain("Quality"),
                "optional": False,
                "hint": plain(
                    "How often the model reads the file, which decides the price. "
                    "You see it before anything starts."
                ),
                "element": {
                    "type": "static_select",
                    "action_id": "quality",
                    "options": [
                        {"text": plain("Quick: a first look, for the least money"), "value": "quick"},
                        {"text": plain("Recommended: what fits most files"), "value": "recommended"},
                        {"text": plain("Thorough: the longest that is advised"), "value": "thorough"},
                    ],
                    "initial_option": {"text": plain("Recommended: what fits most files"), "value": "recommended"},
                },
            },
            {
                "type": "input",
                "block_id": "input_key",
                "label": plain("Key of the input"),
                "optional": True,
                "hint": plain('Only for rows in no usual form, like {"question": …, "answer": …}.'),
                "element": {
                    "type": "plain_text_input",
                    "action_id": "key",
                    "multiline": False,
                    "max_length": 100,
                    "placeholder": plain("question"),
                },
            },
            {
                "type": "input",
                "block_id": "output_key",
                "label": plain("Key of the output"),
                "optional": True,
                "element": {
                    "type": "plain_text_input",
                    "action_id": "key",
                    "multiline": False,
                    "max_length": 100,
                    "placeholder": plain("answer"),
                },
            },
            {
                "type": "input",
                "block_id": "epochs",
                "label": plain("Epochs"),
                "optional": True,
                "hint": plain("From 1 to 100. Leave it empty: then the quality decides."),
                "element": {
                    "type": "number_input",
                    "action_id": "number",
                    "is_decimal_allowed": False,
                    "min_value": "1",
                    "max_value": "100",
                },
            },
            {
                "type": "context",
                "block_id": "next",
                "elements": [
                    {
                        "type": "mrkdwn",
                        "text": "Nothing starts yet: next I check the file and show you what it holds.",
                        "verbatim": True,
                    }
                ],
            },
        ],
    }


def test_several_backends_can_be_chosen_and_the_choice_redraws_the_form() -> None:
    chosen = block(form(), "backend")
    assert chosen["dispatch_action"] is True
    assert chosen["element"]["action_id"] == "form_backend"
    assert [each["value"] for each in chosen["element"]["options"]] == ["vertex", "gemini"]


def test_each_backend_shows_its_own_hyperparameters_and_defaults() -> None:
    vertex, gemini = form(), form(request=StartRequest(backend="gemini"))
    assert [each for each in ids(vertex) if each in Hyperparameters.__dataclass_fields__] == [
        "epochs",
        "learning_rate_multiplier",
        "adapter_size",
    ]
    assert block(gemini, "batch_size")["hint"]["text"] == "At least 1. Leave it empty for 4."
    assert block(gemini, "learning_rate")["hint"]["text"] == (
        "At least 0.000001. Leave it empty for 0.001. Set this or the learning rate multiplier, not both."
    )
    assert block(gemini, "learning_rate")["element"]["min_value"] == "0.000001"
    assert [each["text"]["text"] for each in block(vertex, "adapter_size")["element"]["options"]] == [
        "Google chooses",
        "1",
        "2",
        "4",
        "8",
        "16",
    ]


def test_googles_own_rule_for_a_default_stands_beside_the_field() -> None:
    rule = replace(
        VERTEX.hyperparameters[0], name="batch_size", maximum=None, note="Google chooses by the number of rows"
    )
    hint = block(form(replace(VERTEX, hyperparameters=(rule,))), "batch_size")["hint"]["text"]
    assert hint == "At least 1. Leave it empty: Google chooses by the number of rows."


def test_a_backend_that_no_longer_trains_says_so_before_anything_is_sent() -> None:
    notice = block(form(request=StartRequest(backend="gemini")), "notice")
    assert notice["text"]["text"].startswith("*Please note:* Google has had no base model")
    assert block(form(), "notice") is None


def test_everything_that_is_known_is_filled_in() -> None:
    request = StartRequest(
        backend="gemini",
        base_model="tunedModels/old-one",
        name="capitals",
        hyperparameters=Hyperparameters(epochs=3, learning_rate=0.00002),
        file="slack:F2",
        mapping=FieldMapping("question", "answer"),
    )
    tuned = [TunedModel("gemini", "tunedModels/old-one", "tunedModels/old-one", "old one")]
    view = form(request=request, recent=RECENT, tuned=tuned)
    read = replace(request, quality=Quality.RECOMMENDED)
    assert submit(view) == StartForm(
        replace(ADA, present=False), read, False, (), {}, shown_backend="gemini", advanced=True
    )
    assert block(view, "file_recent")["element"]["initial_option"]["text"]["text"] == "big.jsonl (52 MB)"
    assert block(view, "base_model")["element"]["initial_option"]["text"]["text"] == "old one"


def test_a_file_from_elsewhere_is_offered_as_the_one_that_was_named() -> None:
    view = form(request=StartRequest(file="slack:F7"), recent=RECENT)
    assert block(view, "file_recent")["element"]["initial_option"] == {
        "text": plain("The file you named (F7)"),
        "value": "slack:F7",
    }


def test_an_address_is_filled_into_its_field() -> None:
    assert submit(form(request=StartRequest(file="gs://bucket/a.jsonl"))).request.file == "gs://bucket/a.jsonl"


def test_an_untouched_field_means_the_default() -> None:
    read = submit(form(request=StartRequest(backend="gemini")), file_upload=UPLOAD)
    assert read.request.hyperparameters == Hyperparameters()
    assert read.request.base_model == "models/gemini-1.5-flash-001-tuning"
    assert (read.request.name, read.request.backend) == ("", "gemini")


def test_an_uploaded_file_is_named_by_its_location() -> None:
    read = submit(form(), file_upload=UPLOAD, epochs="3", learning_rate_multiplier="0.5", adapter_size="8")
    assert read.errors == {}
    assert read.request.file == "slack:F9"
    assert read.uploaded == (FileInfo("slack:F9", "mine.jsonl", 1_234),)
    assert read.request.hyperparameters == Hyperparameters(epochs=3, learning_rate_multiplier=0.5, adapter_size=8)


WITH_PICTURES = replace(VERTEX, limits=replace(VERTEX.limits, takes_tools=True))


def uploads(*names: str) -> list[dict[str, Any]]:
    return [{"id": f"F{number}", "name": name, "size": 10} for number, name in enumerate(names, 1)]


def test_a_second_file_with_rows_is_the_one_to_validate_with() -> None:
    read = submit(form(WITH_PICTURES), file_upload=uploads("dev.jsonl", "a.png", "train.tsv"))
    assert read.errors == {}
    assert (read.request.file, read.request.validation) == ("slack:F3+F2", "slack:F1")
    assert read.uploaded == (FileInfo("slack:F3+F2", "train.tsv", 20), FileInfo("slack:F1", "dev.jsonl", 10))
    # Slack keeps the uploads where the form is built again.
    assert (read.redrawn.file, read.redrawn.validation) == ("", "")


@pytest.mark.parametrize(
    ("names", "error"),
    [
        (["a.jsonl", "notes.docx"], "I would train on a.jsonl. Remove what I leave out: notes.docx."),
        (
            ["a.csv", "b.csv", "c.csv", "d.csv"],
            "I would train on a.csv and validate with b.csv. Remove what I leave out: c.csv and d.csv.",
        ),
        (["a.png", "b.png"], "These are all pictures. Upload the file whose rows name them, too."),
    ],
)
def test_files_that_are_of_no_use_are_named_at_the_upload(names: list[str], error: str) -> None:
    assert submit(form(WITH_PICTURES), file_upload=uploads(*names)).errors == {"file_upload": error}


@pytest.mark.parametrize("also", [{"validation_recent": "slack:F1"}, {"validation_share": "10"}])
def test_two_ways_to_validate_are_refused(also: dict[str, str]) -> None:
    read = submit(
        form(WITH_PICTURES, recent=RECENT, validation=True), file_upload=uploads("a.csv", "b.csv"), **also
    )
    assert read.errors == {
        "file_upload": "I would validate with b.csv, and the form says below what to validate with, too. "
        "Remove one of the two."
    }


def test_a_link_to_a_slack_file_is_taken_where_an_address_is() -> None:
    link = "https://acme.slack.com/files/U0AB/F0123456789/a.jsonl"
    assert submit(form(), file_uri=link).request.file == "slack:F0123456789"


@pytest.mark.parametrize(
    ("values", "errors"),
    [
        ({}, {"file_upload": "Upload a file, pick one shared here, or give an address."}),
        (
            {"file_upload": UPLOAD, "file_recent": "slack:F1"},
            {"file_recent": "You gave more than one file. Leave all but one of these fields empty."},
        ),
        (
            {"file_uri": "gs://bucket"},
            {
                "file_uri": "“gs://bucket” is not a whole Cloud Storage address. "
                "It needs a bucket and a file, like gs://my-bucket/examples.jsonl."
            },
        ),
        ({"file_upload": UPLOAD, "input_key": "question"}, {"output_key": "Give both keys, or neither."}),
    ],
)
def test_what_is_wrong_is_said_at_its_field(values: dict[str, Any], errors: dict[str, str]) -> None:
    assert submit(form(recent=RECENT), **values).errors == errors


def test_a_number_that_is_none_is_said_at_its_field() -> None:
    view = fill(form(), file_upload=UPLOAD)
    view["state"]["values"]["epochs"]["number"]["value"] = "three"
    assert read_form(view, ADA).errors == {
        "epochs": "`epochs` must be a whole number, not “three”. For example 3."
    }


def test_the_validation_file_stays_behind_a_button_until_it_is_wanted() -> None:
    closed, opened = form(recent=RECENT), form(recent=RECENT, validation=True)
    assert block(closed, "validation")["elements"][0]["action_id"] == "form_validation"
    assert "validation_upload" not in ids(closed)
    assert {"validation_upload", "validation_recent", "validation_uri"} <= set(ids(opened))
    read = submit(opened, file_recent="slack:F1", validation_recent="slack:F2")
    assert (read.request.file, read.request.validation, read.validation) == ("slack:F1", "slack:F2", True)


def test_a_backend_without_validation_has_no_such_fields() -> None:
    gemini = form(request=StartRequest(backend="gemini", validation="slack:F1"), validation=True)
    assert not [each for each in ids(gemini) if each.startswith("validation")]


def test_what_was_typed_survives_a_change_of_the_backend() -> None:
    """Slack keeps values by block and action id; one backend's base model must not be kept for another."""
    vertex = fill(form(), name="capitals", file_upload=UPLOAD, epochs="7", backend="gemini")
    read = read_form(vertex, ADA)
    assert read.request.backend == "gemini"
    redrawn = filled_in(form(request=read.redrawn)["blocks"])
    state = state_values(redrawn, vertex["state"]["values"])
    again = read_form({**vertex, "blocks": redrawn, "state": {"values": state}}, ADA)
    assert again.errors == {}
    assert again.request == StartRequest(
        backend="gemini",
        base_model="models/gemini-1.5-flash-001-tuning",
        name="capitals",
        hyperparameters=Hyperparameters(epochs=7),
        file="slack:F9",
        quality=Quality.RECOMMENDED,
    )


def test_a_refused_value_is_shown_at_its_field_or_nowhere() -> None:
    view = form()
    assert field_errors(view, BadArgument("Too many.", "Take 100.", field="epochs")) == {
        "epochs": "Too many. Take 100."
    }
    assert field_errors(view, BadArgument("No file.", field="file")) == {"file_upload": "No file."}
    assert field_errors(view, BadArgument("Odd.", field="batch_size")) == {}
    assert field_errors(view, BadArgument("Odd.")) == {}


@pytest.mark.parametrize("metadata", ["", "not json", "[]", '{"team":5}'])
def test_a_form_of_an_older_version_is_outdated(metadata: str) -> None:
    with pytest.raises(Outdated, match="older version"):
        read_form({"private_metadata": metadata, "state": {"values": {}}}, ADA)


@given(samples.requests)
def test_any_request_that_fits_the_form_comes_back_from_it(request_: StartRequest) -> None:
    view = build_form(FormState(ADA, (VERTEX,), request_, RECENT))
    blocks = filled_in(view["blocks"])
    read = read_form({**view, "blocks": blocks, "state": {"values": state_values(blocks, {})}}, ADA)
    assert set(read.errors) <= {"file_uri", "file_upload", "output_key", "input_key", "validation_uri"}
    chosen = request_.hyperparameters
    assert read.request.hyperparameters == Hyperparameters(
        epochs=chosen.epochs,
        learning_rate_multiplier=chosen.learning_rate_multiplier,
        adapter_size=chosen.adapter_size,
    )
    name = " ".join(request_.name[:128].split())
    assert read.request.name == name


def test_the_short_form_says_that_tuning_on_the_base_model_has_closed_and_where_to_choose_another() -> None:
    view = build_form(FormState(ADA, (VERTEX,), closed="gemini-9 retired on <!channel>."))
    check_view(view)
    [block] = [each for each in view["blocks"] if each["block_id"] == "closed"]
    assert block["text"]["text"] == (
        "*Please note:* gemini-9 retired on &lt;!channel&gt;. Choose another one, behind *Advanced*."
    )


def test_the_form_says_why_a_tuning_may_fail_before_anybody_fills_it_in() -> None:
    for advanced in (False, True):
        view = build_form(FormState(ADA, (VERTEX,), advanced=advanced, warnings=["It lacks <!channel>.", "No."]))
        (shown,) = (each for each in view["blocks"] if each["block_id"] == "warnings")
        assert shown["text"]["text"] == (
            "*A tuning may fail:* It lacks &lt;!channel&gt;. No. `tunebot doctor` says how to repair it."
        )


def test_the_form_says_when_base_models_retire() -> None:
    view = build_form(
        FormState(ADA, (VERTEX,), advanced=True, retirements=["gemini-9 <!channel> retires on 19 May 2027."] * 20)
    )
    check_view(view)
    [block] = [each for each in view["blocks"] if each["block_id"] == "retirements"]
    text = block["elements"][0]["text"]
    assert text.startswith("gemini-9 &lt;!channel&gt; retires on 19 May 2027.\n")
    assert text.endswith("A tuned model answers until its base model retires.")
    assert not [
        each for each in build_form(FormState(ADA, (VERTEX,)))["blocks"] if each["block_id"] == "retirements"
    ]


def test_the_form_of_a_move_names_the_model_and_offers_base_models_of_googles_only() -> None:
    resource = "projects/1/locations/us-central1/models/7@1"
    tuned = (TunedModel("vertex", resource, "e", "numbers", "gemini-3.5-flash"),)
    request = StartRequest("vertex", "gemini-3.5-flash-lite", file="slack:F1", moved_from=resource)
    view = form(request=request, tuned=tuned, recent=RECENT, advanced=False)
    assert view["title"]["text"] == "Move a model"
    assert "to move *numbers* to the base model of this form" in block(view, "moved")["text"]["text"]
    assert resource not in json.dumps(block(view, "base_model"))
    assert submit(view).request.moved_from == resource
    assert submit(view).redrawn.moved_from == resource
    assert submit(view, backend="gemini").redrawn.moved_from == "", "no other system can be asked for it"
    assert block(form(), "moved") is None
