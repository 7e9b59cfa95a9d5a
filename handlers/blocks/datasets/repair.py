"""What a repair made of a file."""

from bot.tuning.dataset_repair import RepairedFiles
from handlers.blocks.elements import section
from handlers.blocks.formatting import count
from handlers.blocks.message import Message, compose, escape_line


def repaired_message(made: RepairedFiles) -> Message:
    """How many rows were kept, repaired and left out; both files follow in the thread."""
    kept = f"*{escape_line(made.name, 100)}* repaired: {count(made.kept, 'row')} kept"
    if made.repaired:
        kept += f", {made.repaired:,} of them repaired"
    left_out = f" {count(made.rejected, 'row')} left out" if made.rejected else " Nothing left out"
    if made.duplicates:
        left_out += f", {count(made.duplicates, 'duplicate')} among them"
    text = f"{kept}.{left_out}. Both files are in this thread; each row that was left out says why."
    return compose(text, [section(text, "repaired")])


def nothing_kept(made: RepairedFiles) -> str:
    """The sentence for a file in which no row can be kept."""
    return f"No row of {made.name} can be tuned on as it is, so there is nothing to repair it to."
