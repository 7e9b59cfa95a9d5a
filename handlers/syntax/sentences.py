"""Reads what people write to the bot in sentences: “tune this please”, “what can you do?”, “Stop!”.

Only whole messages that can mean nothing else are read so; all others are questions to a model. This module is
pure.
"""

from typing import Final

_MARKS: Final = " \t\r\n.,!?…:;"
_HELP: Final = frozenset(
    {
        "what can you do", "what can i do", "what can i do here", "what can i ask", "what do you do",
        "how do you work", "how does this work", "how do i use you", "how do i start", "help", "help me",
        "help us", "can you help", "can you help me", "show help", "commands", "what are your commands",
    }
)  # fmt: skip
_TUNE: Final = frozenset({"tune", "train", "finetune", "fine-tune", "retrain"})
_AROUND_TUNE: Final = frozenset(
    {
        "please", "pls", "can", "could", "would", "will", "you", "i", "we", "want", "to", "like", "let's", "lets",
        "this", "that", "these", "those", "it", "a", "an", "the", "new", "my", "our", "me", "us", "for", "on",
        "with", "from", "using", "of", "in", "and", "now", "model", "models", "gemini", "file", "files", "data",
        "dataset", "rows", "examples", "attachment", "attached", "here", "start", "hi", "hello", "hey", "thanks",
        "one", "is",
    }
)  # fmt: skip
_THANKS: Final = frozenset(
    {
        "thanks", "thank", "thx", "ty", "cheers", "ok", "okay", "great", "nice", "cool", "perfect", "awesome",
        "wow", "lol", "haha", "bye", "hi", "hello", "hey", "congrats", "+1", "thumbsup", "pray", "wave", "clap",
        "tada", "ok_hand", "raised_hands", "heart", "👍", "👋", "🙏", "❤️", "🎉",
    }
)  # fmt: skip
_AROUND_THANKS: Final = frozenset(
    {
        "you", "so", "very", "much", "a", "lot", "many", "all", "again", "there", "everyone", "that", "was", "it",
        "job", "work", "bot", "tunebot", "that's", "for", "now", "and", "the", "help", "answer",
    }
)  # fmt: skip
_GREETINGS: Final = frozenset(
    {
        "good morning", "good afternoon", "good evening", "good night", "good job", "good bot", "well done",
        "got it", "see you",
    }
)  # fmt: skip
_LONGEST: Final = 120


def plain(line: str) -> str:
    """Return a short line in lower case, without the marks around it and without “please”; else an empty text."""
    if len(line) > _LONGEST:
        return ""
    words = [word.strip(_MARKS) for word in line.lower().replace("’", "'").split()]
    return " ".join(word for word in words if word and word not in ("please", "pls"))


def asks_for_help(line: str) -> bool:
    """Return whether the whole line asks what the bot can do."""
    return plain(line) in _HELP


def asks_to_tune(line: str) -> bool:
    """Return whether the whole line, with nothing else in it, asks to tune a model."""
    words = set(plain(line).split())
    return bool(words & _TUNE) and words <= _TUNE | _AROUND_TUNE


def only_thanks_or_greets(line: str) -> bool:
    """Return whether the whole line only thanks, agrees or greets, and asks a model nothing."""
    said = plain(line)
    words = set(said.split())
    return said in _GREETINGS or (bool(words & _THANKS) and words <= _THANKS | _AROUND_THANKS)


def without_words_around_tune(line: str) -> str:
    """Return the line without the words of a sentence before its first `key=value`, and without a “please” at its
    end.

    What follows a value may belong to a name: “name=my model”.
    """
    words = line.split(" ")
    while words and words[0].strip(_MARKS).lower() in _AROUND_TUNE:
        del words[0]
    while words and words[-1].strip(_MARKS).lower() in ("please", "pls", "thanks", ""):
        del words[-1]
    return " ".join(words)
