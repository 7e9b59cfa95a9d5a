"""The few emoji that this page knows by Slack's names; any other name is shown as it is written."""

from typing import Final

EMOJI: Final = {
    "+1": "👍",
    "-1": "👎",
    "eyes": "👀",
    "heart": "❤️",
    "hourglass_flowing_sand": "⏳",
    "no_entry": "⛔",
    "pray": "🙏",
    "raised_hands": "🙌",
    "rocket": "🚀",
    "tada": "🎉",
    "thinking_face": "🤔",
    "warning": "⚠️",
    "wave": "👋",
    "white_check_mark": "✅",
    "x": "❌",
}
QUICK: Final = ("+1", "eyes", "tada", "white_check_mark", "heart", "thinking_face")


def emoji(name: str) -> str:
    """The character, or the name between colons."""
    return EMOJI.get(name, f":{name}:")
