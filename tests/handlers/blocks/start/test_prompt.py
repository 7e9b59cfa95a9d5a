"""The prompt that opens the form with what a person typed."""

from bot.domain.jobs import Hyperparameters
from bot.domain.requests import StartRequest
from handlers.blocks.start.prompt import build_prompt
from handlers.transport.attachments import Attachments
from tests.support.block_checks import check_message


def test_a_prompt_carries_the_whole_request_in_its_button() -> None:
    request = StartRequest(name="capitals", hyperparameters=Hyperparameters(epochs=3), file="slack:F1")
    message = build_prompt(request, Attachments("slack:F1", "next_number.jsonl"))
    check_message(message)
    text = (
        "I can tune a model on *next_number.jsonl* with name capitals, epochs 3. "
        "Open the form to check it all; nothing starts before that."
    )
    assert message.text == text
    assert list(message.blocks) == [
        {
            "type": "section",
            "block_id": "prompt",
            "text": {"type": "mrkdwn", "text": text, "verbatim": True},
        },
        {
            "type": "actions",
            "block_id": "prompt_actions",
            "elements": [
                {
                    "type": "button",
                    "action_id": "open_form",
                    "text": {"type": "plain_text", "text": "Open the form"},
                    "value": '{"n":"capitals","f":"slack:F1","h":{"epochs":3}}',
                    "style": "primary",
                }
            ],
        },
    ]


def test_a_prompt_without_a_file_says_where_to_give_one() -> None:
    assert "You can add the file in the form." in build_prompt(StartRequest(), Attachments()).text


def test_a_prompt_names_the_files_beside_the_one_to_train_on() -> None:
    attached = Attachments("slack:F1", "a.jsonl", "slack:F2", "val.jsonl", ("photo.png", "<b>.pdf"))
    text = build_prompt(StartRequest(), attached).text
    assert "As the validation file I take *val.jsonl*" in text
    assert "I leave out *photo.png* and *&lt;b&gt;.pdf*." in text
    typed = build_prompt(StartRequest(file="gs://b/c"), attached).text
    assert "I leave out *a.jsonl*, *val.jsonl*, *photo.png* and *&lt;b&gt;.pdf*." in typed
