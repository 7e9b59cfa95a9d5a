"""The sandbox's sample dataset: fifteen pairs of a number and the next one, in the form that Google documents.

Source: https://ai.google.dev/gemini-api/docs/model-tuning
"""

import json
from typing import Final

SAMPLE_NAME: Final = "next_number.jsonl"
PAIRS: Final = (
    ("1", "2"),
    ("3", "4"),
    ("-3", "-2"),
    ("twenty two", "twenty three"),
    ("two hundred", "two hundred one"),
    ("ninety nine", "one hundred"),
    ("8", "9"),
    ("-98", "-97"),
    ("1,000", "1,001"),
    ("10,100,000", "10,100,001"),
    ("thirteen", "fourteen"),
    ("eighty", "eighty one"),
    ("one", "two"),
    ("three", "four"),
    ("seven", "eight"),
)
SAMPLE: Final = "".join(
    json.dumps({"text_input": given, "output": wanted}) + "\n" for given, wanted in PAIRS
).encode()
