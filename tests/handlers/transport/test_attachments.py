"""Which of a message's files is trained on, which validates, and which are left out."""

import pytest

from bot.domain.requests import StartRequest
from handlers.transport.attachments import read_attachments


def file(name: str, mimetype: str = "text/plain") -> dict[str, str]:
    return {"id": f"F-{name}", "name": name, "mimetype": mimetype}


@pytest.mark.parametrize(
    ("names", "training", "validation", "others"),
    [
        (["rows.tsv"], "rows.tsv", "", ()),
        (["photo.png", "rows.jsonl"], "rows.jsonl", "", ()),
        (["one.jsonl", "two.csv", "three.csv", "notes.pdf"], "one.jsonl", "two.csv", ("three.csv", "notes.pdf")),
        (["my_val.jsonl", "my_train.jsonl"], "my_train.jsonl", "my_val.jsonl", ()),
        (["latest.jsonl", "evaluate-this.jsonl"], "latest.jsonl", "evaluate-this.jsonl", ()),
        (["train.parquet", "test.parquet"], "train.parquet", "test.parquet", ()),
        (["test.jsonl"], "test.jsonl", "", ()),
        (["rows without an ending"], "rows without an ending", "", ()),
        (["photo.png"], "photo.png", "", ()),
        (["photo.png", "other.png"], "photo.png", "", ("other.png",)),
        ([], "", "", ()),
    ],
)
def test_the_data_file_is_taken_a_second_one_validates_and_the_rest_is_named(
    names: list[str], training: str, validation: str, others: tuple[str, ...]
) -> None:
    files = [file(name, "image/png" if name.endswith("png") else "text/plain") for name in names]
    found = read_attachments(files)
    assert (found.training_name, found.validation_name, found.others) == (training, validation, others)


def test_pictures_without_rows_are_no_archive() -> None:
    found = read_attachments([file("a.png", "image/png"), file("b.png", "image/png")])
    assert (found.training, found.pictures) == ("slack:F-a.png", ())


def test_what_a_person_typed_goes_before_what_is_attached() -> None:
    found = read_attachments([file("a.jsonl"), file("val.jsonl")])
    assert found.fill(StartRequest()) == StartRequest(file="slack:F-a.jsonl", validation="slack:F-val.jsonl")
    assert found.fill(StartRequest(file="gs://b/c")) == StartRequest(file="gs://b/c")
    held_out = StartRequest(validation_share=0.1)
    assert found.fill(held_out) == StartRequest(validation_share=0.1, file="slack:F-a.jsonl")


def test_pictures_beside_the_rows_become_a_part_of_their_location() -> None:
    found = read_attachments([file(name) for name in ("a.png", "rows.jsonl", "B.JPG", "val.jsonl", "notes.pdf")])
    assert found.training == "slack:F-rows.jsonl+F-a.png+F-B.JPG"
    assert (found.validation, found.pictures, found.others) == (
        "slack:F-val.jsonl",
        ("a.png", "B.JPG"),
        ("notes.pdf",),
    )
    many = read_attachments([file("rows.jsonl"), *(file(f"{number}.png") for number in range(12))])
    assert (len(many.pictures), many.others) == (9, ("9.png", "10.png", "11.png"))
