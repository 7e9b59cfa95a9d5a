"""The warnings: what a person should know of a file, which can be tuned on all the same."""

from typing import Final

from bot.datasets.findings.findings import Rule, Severity

WARNING = Severity.WARNING

WARNING_RULES: Final[dict[str, Rule]] = {
    "unused-pictures": Rule(
        WARNING,
        "No row shows {value}.",
        "Look for a misspelt path. Where rows show other pictures, a start stores these in the bucket, too.",
        True,
    ),
    "undeclared-tool": Rule(
        WARNING, "{value} is called and not declared in {field}.", "Declare it, so that the model knows it."
    ),
    "schema-left-out": Rule(
        WARNING, "{field} is a part of a schema that Google does not know, and is left out.", "Nothing to do."
    ),
    "system-in-input": Rule(
        WARNING,
        "This backend takes no system text, so it is put in front of the input.",
        "Tunebot asks with the text of most rows in front, too. Other programs that ask it must do the same.",
    ),
    "turns-merged": Rule(
        WARNING, "Turns of the {value} that follow each other are merged into one.", "Check that this is meant."
    ),
    "system-moved": Rule(
        WARNING, "System texts after the first turn are moved to the front.", "Check that this is meant."
    ),
    "weight-zero": Rule(
        WARNING,
        "{field} is {value}, which Google has no field for: what has it is learned like all else.",
        "Take these rows or turns out if the model must not learn them.",
    ),
    "weight-not-sent": Rule(
        WARNING,
        "{field} is {value}, which Google has no field for: all rows count the same.",
        "Repeat or take out rows where the weight matters.",
    ),
    "shown-left-out": Rule(
        WARNING,
        "{field} is what the model would be shown beside the conversation, and is not sent to Google.",
        "Write it into the system text or into the question if the answers need it.",
    ),
    "thoughts-in-text": Rule(
        WARNING,
        "What a model thought stands inside of texts (its mark is {value}), and would be learned as an answer.",
        "Take it out of the answers if people should not read it: all from <think> to </think>.",
    ),
    "tool-call-in-text": Rule(
        WARNING,
        "Calls of tools stand inside of texts ({value}), and would be learned as words of the answer.",
        "Write them as calls, in Google's or OpenAI's form, or take these rows out.",
    ),
    "calls-from-text": Rule(
        WARNING,
        "Calls of tools that stand inside of texts (<tool_call>) are sent as calls, and their <tool_response> as "
        "results.",
        "Look at the system text: where it says how to write calls as text, take that out.",
    ),
    "picture-mark-in-text": Rule(
        WARNING,
        "A text holds {value}, and the row shows no picture: what the answer speaks of would be missing.",
        "Name the picture in `images`, in the order of the marks, or take the mark out.",
    ),
    "template-in-text": Rule(
        WARNING,
        "Marks of another model's prompt stand inside of texts ({value}), and would be learned as words.",
        "Write each turn as a turn of its own, without these marks.",
    ),
    "html-entities": Rule(
        WARNING,
        "Texts hold entities of HTML ({value}), as a web page or Slack writes its text.",
        "Turn them into characters, unless the model should write HTML.",
    ),
    "control-characters": Rule(
        WARNING,
        "Texts hold control characters ({value}), which no screen shows.",
        "Take them out: the model learns to write them.",
    ),
    "thoughts-left-out": Rule(
        WARNING,
        "What the model thought before its answer ({field}) is left out, text and mark together.",
        "Nothing to do: only the answer is learned.",
    ),
    "context-is-system": Rule(
        WARNING,
        "The text of `context` becomes the system text of the row.",
        "Ask the tuned model with such a text, too; or name `context` as a part of the input.",
    ),
    "history-in-turn": Rule(
        WARNING,
        "{field} is a list of texts: the first one is read as the person's, the second one as the model's, and so "
        "on.",
        "If that is wrong, write turns with role and content.",
    ),
    "doubled-key": Rule(
        WARNING,
        "Keys stand twice in one row: {field}. The last one is read, and what the others say is lost.",
        "Look which one is meant. Only the first rows are looked through for this.",
        True,
    ),
    "json-in-text": Rule(
        WARNING, "{field} is JSON inside of a text, and is read as if it stood there itself.", "Nothing to do."
    ),
    "only-a-blank-word": Rule(
        WARNING,
        "The output is nothing but {value}, as programs write an empty cell or a broken formula.",
        "Take these rows out if they have no answer: the model learns to say that.",
    ),
    "row-in-wrapper": Rule(
        WARNING,
        "The row is inside of `{field}`; what is beside it and does not change its meaning is left out.",
        "Nothing to do.",
    ),
    "number-as-text": Rule(
        WARNING, "{field} is {value}, and becomes a text.", "Write the label's name if the model should say that."
    ),
    "number-left-out": Rule(
        WARNING, "A key that is not sent holds {value}, for which JSON has no number.", "Nothing to do."
    ),
    "byte-order-mark-inside": Rule(
        WARNING, "A row begins with a byte order mark, as where two files were put together.", "Nothing to do."
    ),
    "odd-spaces": Rule(
        WARNING,
        "Spaces or marks that JSON does not allow (such as no-break spaces) stand between values.",
        "They are left out.",
    ),
    "title-row": Rule(
        WARNING, "A row above the column names is left out: {value}.", "Nothing to do, if it is a title."
    ),
    "backslash-quotes": Rule(
        WARNING,
        'Quotes inside of cells are written \\" as in JSON; they are read as quotes.',
        'Nothing to do; tables double them ("").',
        True,
    ),
    "other-lists": Rule(
        WARNING,
        "The file holds other lists beside its rows ({value}), and they are left out.",
        "Write the rows of each list into a file of its own: one to train on, one to validate with.",
        True,
    ),
    "answer-beside": Rule(
        WARNING,
        "The row is a question in `{field}` and its answer beside it; what else is beside them is left out.",
        "Nothing to do.",
    ),
    "answer-ended-early": Rule(
        WARNING,
        "The answer ended before it was complete ({value}), and would be learned so.",
        "Take these rows out: the model learns to stop like that.",
    ),
    "no-column-names": Rule(
        WARNING,
        "The first row looks like data, not like names of columns, and is read as a row: {value}.",
        "The columns are called {detail}. Write their names into the first row if that is better.",
    ),
    "names-guessed": Rule(
        WARNING,
        "The first row is read as the names of the columns: {value}.",
        "If it holds a question and an answer, name `column1` and `column2` as the keys: then it is a row.",
    ),
    "names-again": Rule(
        WARNING,
        "The names of the columns ({value}) stand again among the rows, as where two tables were put together.",
        "Nothing to do: they are left out.",
    ),
    "comments": Rule(WARNING, "Comments stand between the rows; JSON has none.", "They are left out.", True),
    "cell-limit": Rule(
        WARNING,
        "A cell has exactly {limit:,} characters, where Excel cuts longer ones off.",
        "Look whether its end is missing.",
    ),
    "line-end-in-text": Rule(
        WARNING,
        "A row is written over several lines, with raw line ends inside of a text; it is read as one row.",
        "Nothing to do; JSON wants \\n there.",
    ),
    "mojibake": Rule(
        WARNING,
        "Characters look garbled: {value}. A program read the text in another encoding than it was written in.",
        "Export it again as UTF-8; the model learns to write these characters.",
    ),
    "preferred-only": Rule(
        WARNING,
        "Each row has a preferred answer and another one; only the preferred one would be learned.",
        "Say whether the model should learn only the preferred answers.",
    ),
    "keys-left-out": Rule(WARNING, "{field} is not sent to Google.", "Nothing, if it is not needed."),
    "duplicate": Rule(
        WARNING, "The same row stands in the file more than once.", "The repaired file has one of each."
    ),
    "conflicting-outputs": Rule(
        WARNING, "The same input has different outputs.", "Keep the output that you want the model to learn."
    ),
    "leakage": Rule(
        WARNING,
        "The validation file has rows that are trained on, too.",
        "Take them out of one of the files, or let `validation=10%` split for you.",
    ),
    "near-duplicate": Rule(
        WARNING,
        "The row is nearly the same as an earlier one ({value}): most of its words are.{detail}",
        "Keep one of each if they teach the same.",
    ),
    "near-leakage": Rule(
        WARNING,
        "The validation file has rows that are nearly the same as rows that are trained on ({value}).{detail}",
        "Take them out of one of the files: the model has seen nearly the answer.",
    ),
    "byte-order-mark": Rule(
        WARNING, "The file begins with a byte order mark.", "It is left out; nothing to do.", True
    ),
    "blank-lines": Rule(WARNING, "There are blank lines.", "They are left out; nothing to do."),
    "windows-line-ends": Rule(WARNING, "Lines end as on Windows (CRLF).", "Nothing to do.", True),
    "cut-off-output": Rule(
        WARNING, "The output looks cut off: it ends with {value}.", "Check it; the model learns to stop like that."
    ),
    "personal-data": Rule(
        WARNING,
        "This looks like {field}: {value}.",
        "Take such values out before you tune, or let the repair mask them.",
    ),
    "lopsided-outputs": Rule(
        WARNING,
        "{value} of the outputs are the same.",
        "The model may answer this to everything: add other rows.",
        True,
    ),
    "system-texts-differ": Rule(
        WARNING,
        "The rows do not have the same system instruction: {value}.",
        "Asked later, the model gets {detail}; `/tune settings` sets another one for a channel.",
        True,
    ),
    "not-all-compared": Rule(
        WARNING,
        "Only the first {limit:,} rows were compared with each other.",
        "Look for repeated rows beyond them yourself.",
        True,
    ),
    "few-examples": Rule(
        WARNING,
        "The file has few rows: {value}; {limit:,} or more are advised for {detail}.",
        "Add rows.",
        True,
    ),
}
