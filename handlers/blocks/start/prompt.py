"""Builds the reply to a mention that starts a tuning: a mention has no trigger, a click on its button has one."""

from bot.domain.requests import StartRequest
from handlers.blocks.elements import actions, button, section
from handlers.blocks.jobs.wording import hyperparameters_text
from handlers.blocks.message import Message, code, compose, escape_line
from handlers.blocks.private_metadata import pack_request

OPEN_ACTION = "open_form"


def build_prompt(request: StartRequest, file_name: str) -> Message:
    """Build the offer to open the form, filled in with the request; `file_name` is empty without a file.

    Raises BadArgument when the request is too long for a button.
    """
    value = pack_request(request)
    given = []
    if request.name:
        given.append(f"name {escape_line(request.name, 128)}")
    if request.base_model:
        given.append(f"base model {code(request.base_model, 120)}")
    if request.hyperparameters.given():
        given.append(hyperparameters_text(request.hyperparameters, None))
    about = f" on *{escape_line(file_name, 100)}*" if file_name else ""
    details = f" with {', '.join(given)}" if given else ""
    missing = "" if file_name or request.file else " You can add the file in the form."
    offer = f"I can tune a model{about}{details}."
    text = f"{offer}{missing} Open the form to check it all; nothing starts before that."
    return compose(text, [section(text, "prompt"), actions([_open(value)], "prompt_actions")])


def _open(value: str) -> dict[str, object]:
    return button("Open the form", OPEN_ACTION, value, style="primary")
