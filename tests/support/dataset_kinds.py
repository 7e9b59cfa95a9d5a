"""What is right for each file of `tests/data/datasets/kinds`, each of which stands for a kind that people meet."""

from typing import Final, NamedTuple

FOLDER: Final = "datasets/kinds"
# What is found in any small file.
NOTES: Final = frozenset({"few-examples", "near-duplicate", "lopsided-outputs"})


class Right(NamedTuple):
    """What the check and the repair of a file give; `dialect` is empty where it is not known."""

    dialect: str
    rows: int
    examples: int
    found: str
    kept: int


_VERTEX: Final = {
    "alpaca_history.json": ("alpaca", 4, 4, "keys-left-out", 4),
    "assistant_in_contents.jsonl": ("vertex", 4, 0, "wrong-role", 4),
    "batch_output.jsonl": ("", 4, 0, "other-export", 0),
    "batch_request.jsonl": ("vertex", 4, 4, "row-in-wrapper", 4),
    "bom_and_lines_in_cells.csv": ("prompt", 4, 4, "byte-order-mark", 4),
    "broken.arrow": ("", 0, 0, "broken-table", 0),
    "capital_keys.jsonl": ("openai", 4, 4, "", 4),
    "capital_names.csv": ("prompt", 4, 4, "keys-left-out", 4),
    "capital_roles.jsonl": ("openai", 4, 0, "wrong-role", 4),
    "cell_limit.csv": ("prompt", 4, 4, "cell-limit", 4),
    "comma_after_row.jsonl": ("", 4, 0, "almost-json", 4),
    "comma_in_object.jsonl": ("", 4, 0, "almost-json", 4),
    "compared_answers.jsonl": ("trl", 4, 3, "neither-preferred preferred-only", 3),
    "content_for_parts.jsonl": ("vertex", 4, 0, "other-name", 4),
    "context_beside_pair.jsonl": ("", 4, 0, "unknown-keys", 0),
    "control_characters.jsonl": ("prompt", 4, 4, "control-characters", 4),
    "curly_quotes.jsonl": ("", 4, 0, "almost-json", 4),
    "data_wrapper.json": ("prompt", 4, 4, "", 4),
    "doubled_column.csv": ("", 0, 0, "doubled-column", 0),
    "empty_answer.jsonl": ("openai", 4, 3, "empty-field", 3),
    "empty_columns.csv": ("prompt", 4, 4, "blank-lines", 4),
    "ends_with_user.jsonl": ("openai", 4, 0, "no-answer-at-end", 4),
    "fenced.jsonl": ("prompt", 6, 4, "not-json", 4),
    "first_row_other.jsonl": ("openai", 7, 6, "mixed-dialects", 6),
    "form_answers.csv": ("", 4, 0, "unknown-keys names-guessed", 0),
    "function_call.jsonl": ("vertex", 4, 4, "", 4),
    "gbk.txt": ("", 4, 0, "not-utf8", 0),
    "gif_by_address.jsonl": ("vertex", 4, 3, "picture-not-taken", 3),
    "greeting_first.jsonl": ("openai", 4, 0, "role-order", 4),
    "hh_rlhf.jsonl": ("trl", 4, 4, "preferred-only", 4),
    "history_of_texts.jsonl": ("prompt", 4, 4, "history-in-turn", 4),
    "history_of_turns.jsonl": ("prompt", 4, 4, "", 4),
    "html_entities.jsonl": ("prompt", 4, 4, "html-entities", 4),
    "image_url.jsonl": ("openai", 4, 4, "", 4),
    "javascript_rows.js": ("", 6, 0, "not-json almost-json", 4),
    "labels.jsonl": ("", 4, 0, "unknown-keys", 0),
    "langchain_messages.jsonl": ("openai", 4, 4, "", 4),
    "lfs_pointer.jsonl": ("", 0, 0, "lfs-pointer", 0),
    "list_of_lists.json": ("sharegpt", 4, 4, "", 4),
    "list_of_texts.jsonl": ("sharegpt", 4, 4, "keys-left-out", 4),
    "logged_calls.jsonl": ("openai", 4, 4, "answer-beside", 4),
    "long_conversation.jsonl": ("openai", 4, 4, "", 4),
    "many_titles.csv": ("prompt", 4, 4, "title-row", 4),
    "mark_in_the_middle.jsonl": ("prompt", 4, 4, "byte-order-mark byte-order-mark-inside", 4),
    "meta_first.jsonl": ("openai", 5, 4, "other-keys", 4),
    "model_dump.jsonl": ("vertex", 4, 4, "", 4),
    "mojibake.jsonl": ("prompt", 4, 4, "mojibake", 4),
    "name_of_turn.jsonl": ("openai", 4, 4, "keys-left-out", 4),
    "names_again.csv": ("prompt", 4, 4, "names-again", 4),
    "nan_answer.jsonl": ("prompt", 4, 3, "not-a-number", 3),
    "nan_beside.jsonl": ("prompt", 4, 4, "keys-left-out number-left-out", 4),
    "no_names.csv": ("", 4, 0, "unknown-keys no-column-names", 0),
    "objects_on_one_line.jsonl": ("prompt", 4, 4, "", 4),
    "odd_spaces.jsonl": ("prompt", 4, 4, "odd-spaces", 4),
    "old_mac.csv": ("prompt", 4, 4, "", 4),
    "old_mac.jsonl": ("prompt", 4, 4, "", 4),
    "openai_batch.jsonl": ("openai", 4, 4, "row-in-wrapper", 4),
    "openai_responses.jsonl": ("openai", 4, 4, "keys-left-out", 4),
    "openai_tool_messages.jsonl": ("openai", 4, 4, "", 4),
    "openai_web_search.jsonl": ("openai", 4, 3, "hosted-tool", 3),
    "pairs_of_turns.jsonl": ("sharegpt", 4, 4, "", 4),
    "palm_chat.jsonl": ("openai", 4, 4, "context-is-system", 4),
    "pandas_columns.json": ("prompt", 4, 4, "", 4),
    "pandas_split.json": ("prompt", 4, 4, "", 4),
    "parts_object.jsonl": ("vertex", 4, 0, "wrong-type wrong-type", 4),
    "picture_mark.jsonl": ("sharegpt", 4, 4, "picture-mark-in-text", 4),
    "pictures_by_address.jsonl": ("vertex", 4, 4, "", 4),
    "polish_1250.csv": ("", 4, 0, "not-utf8", 0),
    "pretty_objects.jsonl": ("prompt", 4, 4, "", 4),
    "query_and_calls.jsonl": ("openai", 4, 4, "", 4),
    "raw_line_end.jsonl": ("prompt", 4, 4, "line-end-in-text", 4),
    "reasoning_content.jsonl": ("openai", 4, 4, "thoughts-left-out", 4),
    "rejected_labels.jsonl": ("", 4, 0, "unknown-keys", 0),
    "rows.jsonl.gz": ("prompt", 4, 4, "", 4),
    "rows.jsonl.zip": ("prompt", 4, 4, "", 4),
    "rows_by_id.json": ("prompt", 4, 4, "", 4),
    "semicolons_1252.csv": ("", 4, 0, "not-utf8", 0),
    "sep_line.csv": ("prompt", 4, 4, "", 4),
    "sharegpt.jsonl": ("sharegpt", 4, 4, "keys-left-out", 4),
    "sharegpt_strange_speaker.jsonl": ("sharegpt", 4, 3, "wrong-role", 3),
    "sheets.tsv": ("prompt", 4, 4, "", 4),
    "short_words.csv": ("", 3, 0, "unknown-keys names-guessed", 0),
    "single_quotes.jsonl": ("", 4, 0, "almost-json", 4),
    "slack_export.json": ("", 0, 0, "slack-export", 0),
    "sql_dump.sql": ("", 0, 0, "not-a-text-file", 0),
    "system_beside_messages.jsonl": ("openai", 4, 4, "", 4),
    "system_beside_pair.jsonl": ("prompt", 4, 4, "", 4),
    "system_in_contents.jsonl": ("vertex", 4, 0, "wrong-role", 4),
    "system_string.jsonl": ("vertex", 4, 4, "", 4),
    "textedit.jsonl": ("", 0, 0, "not-a-text-file", 0),
    "thought_parts.jsonl": ("vertex", 4, 4, "thoughts-left-out", 4),
    "title_row.csv": ("prompt", 4, 4, "title-row", 4),
    "tool_call_in_text.jsonl": ("sharegpt", 4, 4, "calls-from-text undeclared-tool", 4),
    "trl.jsonl": ("trl", 4, 4, "preferred-only", 4),
    "tuning_task.json": ("gemini", 4, 4, "", 4),
    "unclosed.json": ("prompt", 5, 4, "broken-array cut-off-row", 4),
    "viewer_rows.json": ("prompt", 4, 4, "row-in-wrapper", 4),
    "web_page.html": ("", 0, 0, "html-page", 0),
    "weights_of_rows.jsonl": ("openai", 4, 4, "weight-not-sent", 4),
    "weights_of_turns.jsonl": ("openai", 4, 4, "weight-zero", 4),
    "win_and_lose.jsonl": ("trl", 4, 4, "preferred-only", 4),
    "xml_error.jsonl": ("", 0, 0, "error-page", 0),
}
# Where backends that take pairs of texts only give something else.
_PAIRS: Final = {
    "alpaca_history.json": ("alpaca", 4, 0, "many-turns keys-left-out", 0),
    "function_call.jsonl": ("vertex", 4, 0, "tool-calls", 0),
    "gif_by_address.jsonl": ("vertex", 4, 0, "not-text", 0),
    "history_of_texts.jsonl": ("prompt", 4, 0, "many-turns history-in-turn", 0),
    "history_of_turns.jsonl": ("prompt", 4, 0, "many-turns", 0),
    "image_url.jsonl": ("openai", 4, 0, "not-text", 0),
    "long_conversation.jsonl": ("openai", 4, 3, "many-turns", 3),
    "openai_responses.jsonl": ("openai", 4, 4, "keys-left-out system-in-input", 4),
    "openai_tool_messages.jsonl": ("openai", 4, 0, "tool-calls", 0),
    "palm_chat.jsonl": ("openai", 4, 4, "context-is-system system-in-input", 4),
    "pictures_by_address.jsonl": ("vertex", 4, 0, "not-text", 0),
    "query_and_calls.jsonl": ("openai", 4, 0, "tool-calls", 0),
    "sharegpt.jsonl": ("sharegpt", 4, 4, "keys-left-out system-in-input", 4),
    "system_beside_messages.jsonl": ("openai", 4, 4, "system-in-input", 4),
    "system_beside_pair.jsonl": ("prompt", 4, 4, "system-in-input", 4),
    "system_string.jsonl": ("vertex", 4, 4, "system-in-input", 4),
    "tool_call_in_text.jsonl": ("sharegpt", 4, 4, "tool-call-in-text", 4),
}
_RIGHT: Final = {
    "vertex": _VERTEX,
    "gemini": _VERTEX | _PAIRS | {"cell_limit.csv": ("prompt", 4, 3, "output-too-long cell-limit", 3)},
    "palm": _VERTEX | _PAIRS,
}
NAMES: Final = tuple(sorted(_VERTEX))


def right_answer(backend: str, name: str) -> Right:
    """Return what is right for a file and a backend."""
    return Right(*_RIGHT[backend][name])
