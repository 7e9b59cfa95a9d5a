"""Pictures: from an address, or from a file that was uploaded to Slack."""

import base64

from bot.sandbox.page.markup import html, tag
from bot.sandbox.page.surface import Surface
from bot.sandbox.page.texts.mrkdwn import text_object
from bot.sandbox.slack import File
from bot.sandbox.slack.records import Json


def draw_image(block: Json, surface: Surface) -> None:
    """A picture with its title."""
    with tag("figure", classes="figure"):
        if block.get("title"):
            html(text_object(block["title"], surface.reader.names), "figure-title", name="figcaption")
        picture(block, surface, "image")


def picture(image: Json, surface: Surface, classes: str) -> None:
    """The picture itself, with its words for those who cannot see it."""
    source = str(image.get("image_url") or "")
    if "slack_file" in image:
        source = _data_url(_file(image["slack_file"], surface))
    tag("img", classes=classes, src=source, alt=str(image.get("alt_text") or ""))


def _file(reference: Json, surface: Surface) -> File | None:
    files = surface.reader.sandbox.slack.workspace.files
    if "id" in reference:
        return files.get(str(reference["id"]))
    return next((each for each in files.values() if f"-{each.id}/" in str(reference.get("url"))), None)


def _data_url(file: File | None) -> str:
    if file is None or not file.mimetype.startswith("image/"):
        return ""
    return f"data:{file.mimetype};base64,{base64.b64encode(file.content).decode()}"
