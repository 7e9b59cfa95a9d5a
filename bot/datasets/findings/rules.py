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
    "empty-file": Rule(ERROR, "The file holds no example.", "Write a file with one example on each line.", True),
    "html-page": Rule(
        ERROR,
        "This is an HTML page, not a training file.",
        "Export the rows as JSONL or CSV, and use that file.",
        True,
    ),
    "not-a-text-file": Rule(
        ERROR, "This is {detail}, not a training file.", "Export it as JSONL or CSV, and use that file.", True
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
        ERROR, "The file is over {limit:,} bytes ({value}).", "Split it, or take examples out.", True
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
        "The examples make a request of {value} bytes; Google takes {limit:,}.",
        "Take examples out, or tune on Vertex AI, which reads them from a bucket.",
        True,
    ),
    "too-few-examples": Rule(
        ERROR, "The file has too few examples: {value}; at least {limit:,} are needed.", "Add examples.", True
    ),
    "too-many-examples": Rule(
        ERROR, "The file has too many examples: {value}; at most {limit:,} are taken.", "Take examples out.", True
    ),
    "validation-too-large": Rule(
        ERROR,
        "The validation file has {value} examples; {limit:,} are taken here.",
        "Take examples out of the validation file.",
        True,
    ),
    "unknown-keys": Rule(
        ERROR, "The rows have keys of no known dialect: {value}.", "{detail} Name the keys of both.", True
    ),
    "other-export": Rule(ERROR, "No examples are here; I found {value}.", "{detail}", True),
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
    # A row that is not an example.
    "other-keys": Rule(
        ERROR,
        "The row has none of the keys of the other rows, which are {detail}; its own are {value}.",
        "Take it out; the repaired file does.",
    ),
    "other-name": Rule(
        ERROR, "{field} is another name for {detail}.", "Use Google's name; the repaired file does."
    ),
    "history-not-read": Rule(
        ERROR,
        "{field} is earlier conversation, and cannot be read: {value}.",
        'Write it as a list of pairs, [["question", "answer"], ...], or of turns with `role` and `content`.',
    ),
    "bad-answer": Rule(
        ERROR,
        "{field} is {value}: the row shows an answer that is not wanted, and it would be learned.",
        "Take these rows out; the repaired file does.",
    ),
    "mixed-dialects": Rule(
        ERROR, "The row is written as {value}; I read this file as {detail}.", "Write all rows in one dialect."
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
    "too-many-with-files": Rule(
        ERROR, "{value} examples show files; at most {limit:,} are taken.", "Take examples out.", True
    ),
    "wrong-part": Rule(
        ERROR,
        "{field} must hold one of text, functionCall, functionResponse and fileData, and holds {value}.",
        "Divide the part, or give a picture by its gs:// or https:// address.",
    ),
    "too-many-pictures": Rule(
        ERROR, "{value} pictures are in the row; at most {limit} are taken.", "Take pictures out of the row."
    ),
    "picture-marks": Rule(
        ERROR,
        "The number of pictures ({value}) is not that of the <image> marks in the questions ({detail}).",
        "Write one <image> for each picture, where the model should see it.",
    ),
    "picture-missing": Rule(
        ERROR,
        "Rows show pictures that do not lie beside them: {value}.",
        "Put the file and its pictures into one zip; in Slack they may also be attached beside the file, and "
        "`tunebot check` takes their folder as --pictures.",
        True,
    ),
    "picture-kind": Rule(
        ERROR,
        "Rows show what is by its first bytes no PNG, JPEG, WebP, HEIC or HEIF picture: {value}.",
        "Save it as PNG or JPEG.",
        True,
    ),
    "picture-not-taken": Rule(
        ERROR,
        "{field} is of the kind {value}; Gemini takes pictures as PNG, JPEG, WebP, HEIC and HEIF.",
        "Save these pictures as PNG or JPEG; the repaired file leaves the rows out.",
    ),
    "file-not-open": Rule(
        ERROR,
        "Rows show the file {value}. I let Google read only files of folders that are open to people.",
        "Ask the person who runs me to open its folder in TUNEBOT_GS_PREFIXES; the repaired file leaves them out.",
    ),
    "picture-too-large": Rule(
        ERROR, "Rows show pictures of more than {limit:,} bytes: {value}.", "Make them smaller.", True
    ),
    "unused-pictures": Rule(
        WARNING,
        "No row shows {value}.",
        "Look for a misspelt path. Where rows show other pictures, a start stores these in the bucket, too.",
        True,
    ),
    "tool-answers": Rule(
        ERROR,
        "{field} calls {value}, and the next turn answers {detail}.",
        "Answer each call in the next turn: a functionResponse of its name, or a tool message of its id.",
    ),
    "tool-arguments": Rule(
        ERROR, "{field} must be a JSON object, not {value}.", "Write the arguments as a JSON object in a text."
    ),
    "tool-unknown": Rule(
        ERROR, "{field} is {value}, which no call before it has.", "Use the id of the call that it answers."
    ),
    "undeclared-tool": Rule(
        WARNING, "{value} is called and not declared in {field}.", "Declare it, so that the model knows it."
    ),
    "schema-left-out": Rule(
        WARNING, "{field} is a part of a schema that Google does not know, and is left out.", "Nothing to do."
    ),
    "tool-calls": Rule(
        ERROR,
        "{field} calls tools: these are taken for Vertex AI only, in the forms of Google, OpenAI, Anthropic, "
        "Bedrock and ShareGPT.",
        "Take these rows out; the repaired file does.",
    ),
    "not-text": Rule(
        ERROR,
        "{field} holds {value}: these are taken for Vertex AI only, by an address or a path, in Google's or "
        "OpenAI's form.",
        "Take these rows out; the repaired file does.",
    ),
    "completions": Rule(
        ERROR, "A preference row needs two completions, scored 0 and 1: {detail}.", "Score one 1 and the other 0."
    ),
    "not-compared": Rule(
        ERROR,
        "The row has two answers, {value}, and no key that says which one is preferred.",
        "Name the key of the answer to learn as the output; or write the rows as prompt, chosen and rejected.",
    ),
    "neither-preferred": Rule(
        ERROR,
        "{field} is {value}, which names neither {detail}.",
        "Take these rows out; the repaired file does.",
    ),
    "hosted-tool": Rule(
        ERROR,
        "{field} is a {value}, a step that OpenAI takes itself; Google has no such part.",
        "Take these rows out; the repaired file does.",
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
        "Tunebot asks with the text of most rows in front, too. Whatever else asks the model must do the same.",
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
        "The text of `context` becomes the system text of the example.",
        "Ask the tuned model with such a text, too; or name `context` as a part of the input.",
    ),
    "doubled-key": Rule(
        WARNING,
        "Keys stand twice in one row: {field}. The last one is read, and what the others say is lost.",
        "Look which one is meant. Only the first rows are looked through for this.",
        True,
    ),
    "cut-cells": Rule(
        ERROR,
        "The viewer that wrote the file cut cells of the row: {value}.",
        "Take the rows from the data set itself; the repaired file leaves this one out.",
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
        WARNING, "The row is inside of `{field}`; what is beside it is left out.", "Nothing to do."
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
        "Spaces or marks that are none in JSON (such as no-break spaces) stand between values.",
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
        "The first row is read as the names of the columns, and not as an example: {value}.",
        "If it is an example, name `column1` and `column2` as the keys: it is read as a row then.",
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
        "The model may answer this to everything: add other examples.",
        True,
    ),
    "system-texts-differ": Rule(
        WARNING,
        "The examples do not have the same system instruction: {value}.",
        "Asked later, the model gets {detail}; `/tune settings` sets another one for a channel.",
        True,
    ),
    "not-all-compared": Rule(
        WARNING,
        "Only the first {limit:,} rows were compared with each other.",
        "Look for repeated examples beyond them yourself.",
        True,
    ),
    "few-examples": Rule(
        WARNING,
        "The file has few examples: {value}; {limit:,} or more are advised for {detail}.",
        "Add examples.",
        True,
    ),
}
