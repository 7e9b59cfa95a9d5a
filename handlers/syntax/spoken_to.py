"""Decides whether a message in a thread, without a mention of the bot, is meant for the model that answers.

People also write to each other in such a thread, and each question costs money. A message that names another
person, or that only thanks or agrees, is not a question. This module is pure and reads every character once.
"""

from typing import Final

import re2  # type: ignore[import-untyped]

_SOMEBODY: Final = re2.compile(r"<@[UW][A-Z0-9]+(?:\|[^>]*)?>|<!(?:subteam\^|channel|here|everyone)[^>]*>")
_EMOJI: Final = re2.compile(r":[a-z0-9_+'-]+:(?::skin-tone-[2-6]:)?")
_CODE: Final = re2.compile(r"`[^`]*`")
# How a remark to other people begins, in its first word or words.
_REMARKS: Final = (
    "thanks", "thank you", "thx", "ty", "cheers", "ok", "okay", "great", "nice", "cool", "perfect", "awesome",
    "wow", "lol", "haha", "got it", "agreed", "same here", "good morning", "good night", "see you", "bye",
    "congrats", "well done", "good job",
)  # fmt: skip
_LONGEST_REMARK: Final = 5


def is_for_the_model(text: str) -> bool:
    """Return whether a reply without a mention of the bot asks the model something."""
    if _SOMEBODY.search(_CODE.sub("", text)):
        return False
    words = _EMOJI.sub(" ", text).split()
    spoken = " ".join("".join(each for each in word if each.isalnum() or each == "'") for word in words).lower()
    if not any(each.isalnum() for each in spoken):
        # Only emoji or punctuation marks, such as “👍” or “!!!”; a lone “?” asks the model to go on.
        return "?" in text and not _EMOJI.search(text)
    if "?" in text or len(words) > _LONGEST_REMARK:
        return True
    spoken = " ".join(spoken.split())
    return not any(spoken == remark or spoken.startswith(f"{remark} ") for remark in _REMARKS)
