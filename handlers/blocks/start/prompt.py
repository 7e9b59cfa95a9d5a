"""Builds the reply to a mention that starts a tuning: a mention has no trigger, a click on its button has one."""

from bot.domain.requests import StartRequest
from handlers.blocks.elements import actions, button, section
from handlers.blocks.formatting import listed
from handlers.blocks.jobs.wording import hyperparameters_text
from handlers.blocks.message import Message, code, compose, escape_line
from handlers.blocks.private_metadata import pack_request
from handlers.transport.attachments import Attachments

OPEN_ACTION = "open_form"


def build_prompt(typed: StartRequest, attached: Attachments) -> Message:
    """Build the offer to open the form, filled in with what was typed and attached.

    Raises BadArgument when the request is too long for a button.
    """
    request = attached.fill(typed)
    value = pack_request(request)
    file_name = attached.training_name if request.file == attached.training else ""
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
    others = _other_files(request, attached)
    text = f"{offer}{missing}{others} Open the form to check it all; nothing starts before that."
    return compose(text, [section(text, "prompt"), actions([_open(value)], "prompt_actions")])


def _other_files(request: StartRequest, attached: Attachments) -> str:
    """Return what happens with the files other than the one to train on."""
    names = [] if request.file == attached.training else [attached.training_name]
    text = ""
    if attached.validation and request.validation == attached.validation:
        name = escape_line(attached.validation_name, 100)
        text = f" As the validation file I take *{name}*; in the form you can leave it out."
    else:
        names.append(attached.validation_name)
    if names[:1] != [attached.training_name] and attached.pictures:
        pictures = listed(f"*{escape_line(each, 100)}*" for each in attached.pictures)
        text = f" Its rows may show {pictures}.{text}"
    left_out = [f"*{escape_line(name, 100)}*" for name in (*names, *attached.others) if name]
    return f"{text} I leave out {listed(left_out)}." if left_out else text


def _open(value: str) -> dict[str, object]:
    return button("Open the form", OPEN_ACTION, value, style="primary")
