"""The composition root: opens each part of the bot, connects the parts and closes them in order.

Only this package imports `bot`, `handlers` and `storage` together, and only the command imports it. The tests call
the same functions, with a clock, a database file and backend options of their own.
"""

from bot.app.backup_target import open_backup_target
from bot.app.bot_process import run, serving
from bot.app.installation import diagnose, google_options, installation_checks
from bot.app.use_cases import build_use_cases, open_workers

__all__ = [
    "build_use_cases",
    "diagnose",
    "google_options",
    "installation_checks",
    "open_backup_target",
    "open_workers",
    "run",
    "serving",
]
