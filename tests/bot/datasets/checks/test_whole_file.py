"""What is checked once all rows were read."""

from tests.support.dataset_builders import chat, check_bytes, jsonl, pair, rules


def test_validation_file_is_held_against_its_training_file() -> None:
    training = check_bytes(jsonl(*(pair(f"{i}?", f"it is {i}") for i in range(2_000))))
    rows = [chat("user: 7?", "assistant: it is 7"), chat("user: new?", "assistant: yes")]
    report = check_bytes(jsonl(*rows), training=training)
    assert rules(report) == [("leakage", 1, (1,))]
    assert report.warnings[0].value == "line 8"
    large = check_bytes(jsonl(*(pair(f"v{i}", f"{i}") for i in range(601))), training=training)
    assert rules(large) == [("validation-too-large", 1, ())]
    assert large.errors[0].limit == 600
