"""Finds out how a table is written: its separator, the rows above its column names, and the names."""

import re
from collections import Counter
from dataclasses import replace
from itertools import islice

from bot.datasets.formats.csv_tables import Layout, is_markdown_line, read_records, trimmed
from bot.datasets.rows.column_mapping import guess_mapping, input_keys
from bot.datasets.rows.slow_reader import dialect_of, form_of
from bot.domain.datasets import Dialect, FieldMapping

# Commas first: where two separators fit as well, it is the more common one.
_DELIMITERS = ",;\t|"
# Rows above the names that are looked through: a title, a date, an empty row.
_MOST_TITLE_ROWS = 60
# A cell that is longer, or ends like a sentence, is no name of a column.
_LONGEST_NAME = 60
# Records by which it is decided whether quotes enclose fields.
_COMPARED = 200
_PLACE = re.compile(r"column[1-9][0-9]?")
_WORD, _DIGIT = re.compile(r"[^\W\d_]{2}"), re.compile(r"\d")
_NUMBER = re.compile(r"(?=[^0-9]{0,40}[0-9])[0-9/.:, +-]{1,40}+(?:[AaPp][Mm])?(?: [A-Z]{2,4}[+-]?[0-9]{0,2})?")
_SENTENCE_ENDS = (".", "?", "!", "。", "？", "！", "…")


def find_layout(head: str, mapping: FieldMapping | None) -> Layout:
    """Return the layout of the table that begins with these lines."""
    layout, records = _layout(head, mapping)
    under_names = records[layout.titles + 1 : layout.titles + 2]
    return replace(layout, markdown=layout.delimiter == "|" and any(map(is_markdown_line, under_names)))


def _layout(head: str, mapping: FieldMapping | None) -> tuple[Layout, list[list[str]]]:
    """Return the layout and the first records."""
    lines = [line + "\n" for line in head.split("\n")]
    skipped = 0
    delimiter = ""
    if lines and lines[0].strip().lower().startswith("sep=") and len(lines[0].strip()) == 5:
        # Excel's own line that names the separator.
        delimiter, skipped = lines[0].strip()[4], 1
    if lines and lines[0].strip().lower() == "sep=" and "\t" in lines[0]:
        delimiter, skipped = "\t", 1
    text = "".join(lines[skipped:])
    if not delimiter:
        delimiter = max(_DELIMITERS, key=lambda mark: _likeness(text, mark))
    quotes = delimiter != "\t" or _tabs_in_quotes(text)
    records = list(islice(read_records(text, delimiter, quotes=quotes), _MOST_TITLE_ROWS + 1))
    for number, record in enumerate(records):
        names = tuple(_known_names([name.strip() for name in record], mapping))
        if names:
            guessed = mapping is not None and not _known_names([*names], None)
            return Layout(delimiter, skipped, number, names, quotes, guessed=guessed), records
    width = max((len(trimmed(record)) for record in records), default=0)
    for number, record in enumerate(records):
        cells = trimmed(record)
        if width > 1 and sum(map(bool, cells)) <= 1:
            continue  # a title, or nothing
        named = all(map(_like_a_name, cells)) or _is_above_numbers(cells, records[number + 1 :])
        if len(cells) >= min(width, 2) and named and not _names_places(mapping):
            return Layout(delimiter, skipped, number, tuple(record), quotes, guessed=width > 1), records
        return Layout(delimiter, skipped, number, quotes=quotes), records
    return Layout(delimiter, skipped, quotes=quotes), records


def _is_above_numbers(cells: list[str], below: list[list[str]]) -> bool:
    """Return whether one of the cells is a word above dates or numbers: then they are names, also with a `?`."""
    columns = zip(*(record for record in below if len(record) >= len(cells)), strict=False)
    return len(below) > 1 and any(
        _WORD.search(cell) and not _DIGIT.search(cell) and all(map(_NUMBER.fullmatch, column))
        for cell, column in zip(cells, columns, strict=False)
    )


def _tabs_in_quotes(text: str) -> bool:
    """Return whether quotes enclose fields of a table with tabs: only then are all of its records equally long.

    Excel encloses fields that hold a line end or a quote. Google Sheets writes quotes as they are, and no line end
    inside of a field. Source: files of both programs.
    """
    plain, quoted = (
        {len(record) for record in list(islice(read_records(text, "\t", quotes=quotes), _COMPARED))[:-1] if record}
        for quotes in (False, True)
    )
    return len(plain) > 1 and len(quoted) == 1


def _likeness(text: str, delimiter: str) -> tuple[float, int, int]:
    """Return how well a separator cuts the first records into equally many fields: more is better."""
    records = read_records(text, delimiter, quotes=delimiter != "\t")
    widths = [len(record) for record in islice(records, _MOST_TITLE_ROWS) if any(record)]
    if not widths:
        return 0, 0, 0
    width, times = Counter(widths).most_common(1)[0]
    # A wrong separator may make many records of the lines of one cell, but not as many of one width among them.
    equal = times * times / len(widths)
    return (equal, width, -_DELIMITERS.index(delimiter)) if width > 1 else (0, 0, -_DELIMITERS.index(delimiter))


def _known_names(names: list[str], mapping: FieldMapping | None) -> list[str]:
    """Return the names where they are of a known form, in the letter case of a dialect; or none."""
    row = dict.fromkeys(names, "")
    if len(names) < 2:
        return []
    if mapping is not None and dialect_of(row, None, mapping) is Dialect.MAPPED:
        return names
    if form_of(row)[0] is not None:
        return names
    lowered = [name.lower() for name in names]
    if form_of(dict.fromkeys(lowered, ""))[0] is not None:
        return lowered
    return names if guess_mapping(row, known_only=True) else []


def _names_places(mapping: FieldMapping | None) -> bool:
    """Return whether a person named columns by their places, as a table without names has them."""
    return mapping is not None and all(map(_PLACE.fullmatch, (*input_keys(mapping), mapping.output)))


def _like_a_name(cell: str) -> bool:
    return 0 < len(cell) <= _LONGEST_NAME and not cell.endswith(_SENTENCE_ENDS) and "\n" not in cell
