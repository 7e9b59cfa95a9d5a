"""Writes `.env.example` from the fields of the settings."""

import textwrap

from pydantic.fields import FieldInfo

from bot.settings import Settings, secret_names
from bot.settings.problems import secret_file_name


def env_example() -> str:
    """Build the text of `.env.example`: every variable and its meaning; what need not be set is commented out."""
    lines = [
        "# The settings of Tunebot, written by `tunebot settings`. Copy this file and fill in the copy.",
        "# Read it with --env-file tunebot.env, which Docker and each command of Tunebot that needs settings has:",
        "#   tunebot run --env-file tunebot.env",
        "# Write values without quotes: Docker would keep them. What the environment has wins over the file.",
        "# A variable that is set to nothing counts as unset.",
    ]
    for field in Settings.model_fields.values():
        name, default = str(field.alias), default_text(field)
        text = str(field.description).replace("`", "")
        lines += ["", *textwrap.wrap(text, 100, initial_indent="# ", subsequent_indent="# ")]
        lines.append(f"{name}=" if "Required" in text else f"#{name}={default}")
        if name in secret_names():
            lines += ["# Or the path of a file that holds it:", f"#{secret_file_name(name)}="]
    lines += [
        "",
        "# Google's own library reads this one: the path of a service account's key file.",
        "#GOOGLE_APPLICATION_CREDENTIALS=",
    ]
    return "\n".join(lines) + "\n"


def default_text(field: FieldInfo) -> str:
    """Return the default as one writes it in the environment; empty where there is none."""
    if field.is_required():
        return ""
    value = field.get_default(call_default_factory=True, validated_data={})
    return ",".join(value) if isinstance(value, tuple) else str(value or "")
