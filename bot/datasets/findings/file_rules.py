"""The errors of a file as a whole, and of lines that are no rows."""

from typing import Final

from bot.datasets.findings.findings import Rule, Severity

ERROR = Severity.ERROR
_ONE_PER_LINE = "Write each row as one JSON object on a line of its own."

FILE_RULES: Final[dict[str, Rule]] = {
    # The file as a whole.
    "empty-file": Rule(ERROR, "The file holds no row.", "Write a file with one row on each line.", True),
    "html-page": Rule(
        ERROR,
        "This is an HTML page, not a training file.",
        "Export the rows as JSONL or CSV, and use that file.",
        True,
    ),
    "not-a-text-file": Rule(
        ERROR, "This is {detail}, not a training file.", "Export it as JSONL or CSV, and use that file.", True
    ),
    "only-a-picture": Rule(
        ERROR,
        "This is a picture, not a training file.",
        "Use the file whose rows name the picture, with the picture beside it.",
        True,
    ),
    "utf-16": Rule(ERROR, "The text is {value}, not UTF-8.", "Save the file as UTF-8.", True),
    "sign-in-page": Rule(
        ERROR,
        "This is a sign-in page, not a training file.",
        "Download the file again. In Slack, check also that the bot has the scope files:read.",
        True,
    ),
    "error-page": Rule(
        ERROR,
        "This is an error message of a server ({value}), not a training file.",
        "Download the file again, and look what is in it.",
        True,
    ),
    "lfs-pointer": Rule(
        ERROR,
        "This is a Git LFS pointer: it names the file, and does not hold it.",
        "Run `git lfs pull`, and use the file itself.",
        True,
    ),
    "slack-export": Rule(
        ERROR,
        "This is an export of Slack messages, not a training file.",
        "Write questions and answers from it as rows.",
        True,
    ),
    "columns": Rule(
        ERROR,
        "The file is one object with a column or an id for each key, and is too large to be turned around.",
        'Write rows instead: `df.to_json(path, orient="records", lines=True)`.',
        True,
    ),
    "needs-pyarrow": Rule(
        ERROR,
        "This is {detail}, which is read only where the package pyarrow is installed.",
        "Export it as JSONL or CSV; or the person who runs this installs it: pip install 'tunebot[tables]'.",
        True,
    ),
    "broken-table": Rule(
        ERROR,
        "This begins like {detail}, and cannot be read as one: it is damaged, cut off, or something else.",
        "Write the file again, or export it as JSONL or CSV.",
        True,
    ),
    "table-too-large": Rule(
        ERROR, "The table or its rows are over {limit:,} bytes.", "Export it as JSONL, which may be larger.", True
    ),
    "several-files": Rule(
        ERROR, "The archive holds several files, {value} among them.", "Use the one file to train on.", True
    ),
    "broken-zip": Rule(
        ERROR, "The zip archive cannot be read: {detail}.", "Use the file as it is, or compress it anew.", True
    ),
    "doubled-column": Rule(
        ERROR,
        "The table has two columns of one name: {field}.",
        "Rename or delete one of them: nobody can tell which one is meant.",
        True,
    ),
    "broken-gzip": Rule(
        ERROR,
        "The gzip file is broken or cut off: {detail}.",
        "Compress it again, or use the file as it is.",
        True,
    ),
    "broken-array": Rule(
        ERROR,
        "The JSON array breaks off: {detail}.",
        "Rows after that place may be missing: save the file again, or go on with the rows that are there.",
    ),
    "file-too-large": Rule(
        ERROR, "The file is over {limit:,} bytes ({value}).", "Split it, or take rows out.", True
    ),
    "out-of-time": Rule(
        ERROR,
        "Reading this file takes too long, so I stopped after {limit:,} seconds of work. I did not read "
        "what follows {detail}.",
        "Split the file, and repair or take out its broken rows first.",
        True,
    ),
    "too-many-bad-rows": Rule(
        ERROR,
        "More than {limit:,} rows cannot be tuned on, so I stopped there. I did not read what follows {detail}.",
        "Look at the first findings: most bad rows have the same cause.",
    ),
    "inline-too-large": Rule(
        ERROR,
        "The rows make a request of {value} bytes; Google takes {limit:,}.",
        "Take rows out, or tune on Vertex AI, which reads them from a bucket.",
        True,
    ),
    "too-few-examples": Rule(
        ERROR, "The file has too few rows: {value}; at least {limit:,} are needed.", "Add rows.", True
    ),
    "too-many-examples": Rule(
        ERROR, "The file has too many rows: {value}; at most {limit:,} are taken.", "Take rows out.", True
    ),
    "validation-too-large": Rule(
        ERROR,
        "The validation file has {value} rows; {limit:,} are taken here.",
        "Take rows out of the validation file.",
        True,
    ),
    "unknown-keys": Rule(ERROR, "The rows have keys of no known dialect: {value}.", "{detail}", True),
    "other-export": Rule(ERROR, "No rows to tune on are here; I found {value}.", "{detail}", True),
    # A line that is no row at all.
    "not-json": Rule(ERROR, "Not JSON: {detail}.", _ONE_PER_LINE),
    "almost-json": Rule(
        ERROR, "Not JSON: {detail}.", "The repaired file puts it right where only one thing can be meant."
    ),
    "not-an-object": Rule(ERROR, "A row must be a JSON object, not {detail}.", _ONE_PER_LINE),
    "not-utf8": Rule(ERROR, "The text is not UTF-8.{detail}", "Save the file as UTF-8."),
    "nul-character": Rule(ERROR, "A text holds a NUL character.", "Take it out; the repaired file does."),
    "lone-surrogate": Rule(
        ERROR,
        "A lone surrogate ({value}) stands for no character.",
        "The text was cut in a symbol: write it again.",
    ),
    "number-out-of-range": Rule(
        ERROR, "{value} is a number that JSON cannot hold.", "Write a plain number or text instead."
    ),
    "not-read": Rule(
        ERROR,
        "Over {limit:,} rows before it could not be used, so this one was not looked at.",
        "Look at the first rows: the file may be of another kind than it seems.",
    ),
    "line-too-long": Rule(ERROR, "A row of over {limit:,} bytes was not read.", "Shorten the row or take it out."),
    "nested-too-deep": Rule(ERROR, "Values are nested deeper than {limit}.", "Flatten the row or take it out."),
    "too-many-values": Rule(
        ERROR, "The row was not read: it holds over {limit:,} lists and objects.", "Take the row out."
    ),
    "wrong-columns": Rule(
        ERROR,
        "The table has {limit} columns, and the row another number: {value}.",
        "Quote fields that hold the separator.",
    ),
    "cut-off-row": Rule(
        ERROR,
        "The file ends inside this row.",
        "Save the file again, or take the row out; the repaired file does.",
    ),
    "no-closing-quote": Rule(
        ERROR,
        "A quoted field of the table is never closed.",
        'Close the quotes, or write quotes inside a text twice ("").',
    ),
    "not-a-number": Rule(ERROR, "{field} is {value}, which is no text.", "Write a text or take the row out."),
    "cut-cells": Rule(
        ERROR,
        "The viewer that wrote the file cut cells of the row: {value}.",
        "Take the rows from the data set itself; the repaired file leaves this one out.",
    ),
}
