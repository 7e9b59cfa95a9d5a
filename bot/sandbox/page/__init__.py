"""The page that looks and behaves like a Slack workspace.

It talks to the Slack stand-in alone, as people do; only the control strip reaches further.
"""

from pathlib import Path
from typing import Annotated, Final

from fastapi import FastAPI, Query
from nicegui import app, ui

from bot.sandbox.page.sandbox import Sandbox
from bot.sandbox.page.window import Window

__all__ = ["Sandbox", "application"]

STYLES: Final = ("base", "layout", "messages", "blocks", "forms", "controls")
_FOLDER: Final = Path(__file__).parent / "styles"


def application(sandbox: Sandbox) -> FastAPI:
    """Return the web application that serves the page; one for each process, since the toolkit is global."""
    app.add_static_files("/styles", _FOLDER, max_cache_age=0)

    @ui.page("/", title="Tunebot sandbox", language="en-US")
    def window(
        name: Annotated[str, Query(alias="as", pattern=r"^[a-z0-9._-]{1,21}$")] = "ada",
        place: Annotated[str, Query(alias="in")] = "tuning",
    ) -> None:
        for style in STYLES:
            ui.add_head_html(f'<link rel="stylesheet" href="/styles/{style}.css">')
        Window(sandbox, sandbox.enter(name), ui.context.client, place)

    host = FastAPI(openapi_url=None)
    ui.run_with(host, title="Tunebot sandbox", tailwind=False, show_welcome_message=False, reconnect_timeout=10.0)
    return host
