"""The errors of rows that can be read and cannot be tuned on."""

from typing import Final

from bot.datasets.findings.findings import Rule, Severity

ERROR = Severity.ERROR
_REPAIR = "Shorten it or take the row out; the repaired file leaves it out."

EXAMPLE_RULES: Final[dict[str, Rule]] = {
    # A row that is not an example.
    "other-keys": Rule(
        ERROR,
        "The row is in no form that I know; the other rows are {detail}. Its keys: {value}.",
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
        ERROR, "{value} rows show files; at most {limit:,} are taken.", "Take rows out.", True
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
        "Rows show files whose first bytes are not those of PNG, JPEG, WebP, HEIC or HEIF: {value}.",
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
    "too-many-tokens": Rule(ERROR, "The row has about {value} tokens; the limit is {limit:,}.", _REPAIR),
    "many-turns": Rule(
        ERROR,
        "The conversation has {value} questions; this backend takes one question and one answer.",
        "Tune on Vertex AI, or split the row into pairs.",
    ),
}
