"""Lists every rule that a training file is checked against: its id, its severity and its messages.

Messages are `str.format` templates over `field`, `value`, `limit` and `detail` of the first row that breaks the
rule. A new rule is a line here and the code that reports it; nothing else knows the list.
"""

from typing import NamedTuple

from bot.datasets.findings.findings import Severity

ERROR, WARNING = Severity.ERROR, Severity.WARNING


class Rule(NamedTuple):
    """One rule. A `whole_file` rule is about no single row: leaving rows out does not help."""

    severity: Severity
    message: str
    advice: str
    whole_file: bool = False


_ONE_PER_LINE = "Write each example as one JSON object on a line of its own."
_REPAIR = "Shorten it or take the row out; the repaired file leaves it out."

RULES: dict[str, Rule] = {
    # The file as a whole.
    "empty-file": Rule(ERROR, "The file holds no example.", "Attach a file with one example on each line.", True),
    "html-page": Rule(
        ERROR,
        "This is an HTML page, not a training file.",
        "A sign-in page came instead of the file: check the bot's files:read scope, or attach the file again.",
        True,
    ),
    "not-a-text-file": Rule(
        ERROR, "This is {detail}, not a text file.", "Export it as JSONL or CSV and attach that.", True
    ),
    "broken-gzip": Rule(
        ERROR, "The gzip file is broken or cut off: {detail}.", "Compress it again, or attach it as it is.", True
    ),
    "json-over-lines": Rule(
        ERROR,
        "The JSON is spread over several lines.",
        f"{_ONE_PER_LINE} `jq -c . FILE` does it.",
        True,
    ),
    "broken-array": Rule(
        ERROR, "The JSON array breaks off: {detail}.", "Save the file again, or write one example a line.", True
    ),
    "no-closing-quote": Rule(
        ERROR, "A quoted field of the table is never closed.", "Close the quotes, or write them twice.", True
    ),
    "file-too-large": Rule(
        ERROR, "The file is over {limit:,} bytes ({value}).", "Split it, or take examples out.", True
    ),
    "inline-too-large": Rule(
        ERROR,
        "The examples make a request of {value} bytes; Google takes {limit:,}.",
        "Take examples out, or tune on Vertex AI, which reads them from a bucket.",
        True,
    ),
    "too-few-examples": Rule(
        ERROR, "There are {value} examples; at least {limit:,} are needed.", "Add examples.", True
    ),
    "too-many-examples": Rule(
        ERROR, "There are {value} examples; at most {limit:,} are taken.", "Take examples out.", True
    ),
    "validation-too-large": Rule(
        ERROR,
        "The validation file has {value} examples; {limit:,} are taken here.",
        "Take examples out of the validation file.",
        True,
    ),
    "unknown-keys": Rule(
        ERROR, "The rows have keys of no known dialect: {value}.", "Name the keys, for example `{detail}`.", True
    ),
    # A line that is no row at all.
    "not-json": Rule(ERROR, "Not JSON: {detail}.", _ONE_PER_LINE),
    "not-an-object": Rule(ERROR, "A row must be a JSON object, not {detail}.", _ONE_PER_LINE),
    "not-utf8": Rule(ERROR, "The text is not UTF-8.", "Save the file as UTF-8."),
    "nul-character": Rule(ERROR, "A text holds a NUL character.", "Take it out; the repaired file does."),
    "lone-surrogate": Rule(
        ERROR,
        "A lone surrogate ({value}) stands for no character.",
        "The text was cut in a symbol: write it again.",
    ),
    "number-out-of-range": Rule(
        ERROR, "{value} is a number that JSON cannot hold.", "Write a plain number or text instead."
    ),
    "line-too-long": Rule(ERROR, "A row of over {limit:,} bytes was not read.", "Shorten the row or take it out."),
    "nested-too-deep": Rule(ERROR, "Values are nested deeper than {limit}.", "Flatten the row or take it out."),
    "too-many-values": Rule(
        ERROR, "The row was not read: it holds over {limit:,} lists and objects.", "Take the row out."
    ),
    "wrong-columns": Rule(
        ERROR, "The row has {value} fields; the table has {limit} columns.", "Quote fields that hold commas."
    ),
    # A row that is not an example.
    "mixed-dialects": Rule(
        ERROR, "The row is written as {value}; the file began as {detail}.", "Write all rows in one dialect."
    ),
    "missing-field": Rule(ERROR, "{field} is missing.", "Add it."),
    "empty-field": Rule(ERROR, "{field} is empty.", "Write a text there or take the row out."),
    "wrong-type": Rule(ERROR, "{field} must be {detail}, not {value}.", "Write it as {detail}."),
    "wrong-role": Rule(ERROR, "{field} is {value}; it must be {detail}.", "Use one of these roles."),
    "role-order": Rule(
        ERROR, "The turns are in the wrong order: {detail}.", "Begin with the user, end with the model."
    ),
    "same-role-twice": Rule(
        ERROR, "Two turns of the {value} follow each other.", "Merge them into one; the repaired file does."
    ),
    "no-user-turn": Rule(ERROR, "There is no user turn.", "Add what the user said, or take the row out."),
    "no-answer-at-end": Rule(
        ERROR,
        "The last turn is not the model's.",
        "End with the answer to learn; the repaired file cuts the rest.",
    ),
    "tool-calls": Rule(
        ERROR, "{field} calls tools, and only text is tuned on.", "Take these rows out; the repaired file does."
    ),
    "not-text": Rule(
        ERROR, "{field} holds {value}, and only text is tuned on.", "Take these rows out; the repaired file does."
    ),
    "completions": Rule(
        ERROR, "A preference row needs two completions, scored 0 and 1: {detail}.", "Score one 1 and the other 0."
    ),
    "no-preference": Rule(
        ERROR,
        "The row holds no second answer to prefer less.",
        "Preference tuning needs `completions` in each row.",
    ),
    # A row that the target cannot take.
    "input-too-long": Rule(ERROR, "The input has {value} characters; the limit is {limit:,}.", _REPAIR),
    "output-too-long": Rule(ERROR, "The output has {value} characters; the limit is {limit:,}.", _REPAIR),
    "too-many-tokens": Rule(ERROR, "The example has about {value} tokens; the limit is {limit:,}.", _REPAIR),
    "many-turns": Rule(
        ERROR,
        "The conversation has {value} questions; this backend takes one question and one answer.",
        "Tune on Vertex AI, or split the row into pairs.",
    ),
    # What a person should know.
    "system-in-input": Rule(
        WARNING,
        "This backend takes no system text, so it is put in front of the input.",
        "Ask the tuned model with the same text in front.",
    ),
    "turns-merged": Rule(
        WARNING, "Turns of the {value} that follow each other are merged into one.", "Check that this is meant."
    ),
    "system-moved": Rule(
        WARNING, "System texts after the first turn are moved to the front.", "Check that this is meant."
    ),
    "weight-ignored": Rule(
        WARNING,
        "{field} is 0, which Google has no word for: the turn is learned like all others.",
        "Take the turn out if the model must not learn it.",
    ),
    "preferred-only": Rule(
        WARNING, "Only the preferred answer is learned from; the other is left out.", "Check that this is meant."
    ),
    "keys-left-out": Rule(WARNING, "{field} is not sent to Google.", "Nothing, if it is not needed."),
    "duplicate": Rule(
        WARNING, "The same example stands in the file more than once.", "The repaired file has one of each."
    ),
    "conflicting-outputs": Rule(
        WARNING, "The same input has different outputs.", "Keep the output that you want the model to learn."
    ),
    "leakage": Rule(
        WARNING,
        "The validation file has examples that are trained on, too.",
        "Take them out of one of the files, or let `validation=10%` split for you.",
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
        WARNING, "This looks like {field}: {value}.", "Take personal data and secrets out before you tune."
    ),
    "lopsided-outputs": Rule(
        WARNING,
        "{value} of the outputs are the same.",
        "The model may answer this to everything: add other examples.",
        True,
    ),
    "not-all-compared": Rule(
        WARNING,
        "Only the first {limit:,} rows were compared with each other.",
        "Look for repeated examples beyond them yourself.",
        True,
    ),
    "few-examples": Rule(
        WARNING, "There are {value} examples; {limit:,} or more are advised for {detail}.", "Add examples.", True
    ),
}
