"""The buttons of a deleted job leave a message; all else in it stays."""

from handlers.blocks.elements import actions, button, context, section
from handlers.delivery.dead_buttons import without_buttons, without_pressed

WORDS, NOTE = section("It is ready.", "ended"), context("2 tunings", "notes")
GONE, OTHER = button("Ask it", "job_ask", "tb-1"), button("Ask it", "job_ask", "tb-2")


def test_only_the_buttons_of_the_deleted_job_are_removed() -> None:
    listed = [section("first", "job_0", accessory=GONE), section("second", "job_1", accessory=OTHER), NOTE]
    assert without_buttons(listed, "tb-1") == [section("first", "job_0"), listed[1], NOTE]
    assert without_buttons([WORDS, actions([GONE, OTHER], "both")], "tb-1") == [WORDS, actions([OTHER], "both")]


def test_a_row_without_buttons_is_removed() -> None:
    assert without_buttons([WORDS, actions([GONE], "ended_actions")], "tb-1") == [WORDS]


def test_a_key_inside_a_longer_value_counts() -> None:
    pick = button("Ask it", "choose_model", '{"job":"tb-1","question":"seven"}')
    assert without_buttons([section("first", "choice_0", accessory=pick)], "tb-1") == [
        section("first", "choice_0")
    ]


def test_of_one_model_only_the_pressed_button_is_removed() -> None:
    cancel, forget = button("Cancel", "job_cancel", "tb-1"), button("Forget it", "job_delete", "tb-1")
    assert without_pressed([WORDS, actions([cancel, forget], "stuck_actions")], cancel) == [
        WORDS,
        actions([forget], "stuck_actions"),
    ]
    assert without_pressed([WORDS, actions([cancel], "stuck_actions")], cancel) == [WORDS]
