from bot.ports.erasure import Erased
from handlers.blocks.forget import FORGET_ACTION, build_forget_question, build_forgotten
from tests.support.block_checks import check_message


def test_the_question_says_what_is_lost_and_whose() -> None:
    own = build_forget_question("U0ADA", own=True)
    check_message(own)
    assert "Erase what I keep of your words?" in own.text
    button = own.blocks[1]["elements"][0]
    assert (button["action_id"], button["value"], button["style"]) == (FORGET_ACTION, "U0ADA", "danger")
    other = build_forget_question("U0ADA", own=False)
    check_message(other, mentions={"U0ADA"})
    assert "of the words of <@U0ADA>" in other.text


def test_the_answer_says_what_was_erased() -> None:
    message = build_forgotten(Erased(turns=2, reports=1), "U0ADA")
    check_message(message, mentions={"U0ADA"})
    assert message.text.endswith(
        "2 messages of conversations, 1 report on files, 0 starts that waited, and all feedback."
    )
