"""The PaLM API is asked one question without earlier turns."""

from bot.domain.chat import Answer, Finish, Turn, TurnRole
from bot.domain.generation_settings import GenerationSettings
from bot.ports.backends import Prompt
from bot.sandbox.google import GoogleStandIn
from tests.support.backend_harness import open_backend

TALK = Prompt([Turn(TurnRole.USER, "1"), Turn(TurnRole.MODEL, "2"), Turn(TurnRole.USER, "8")])


async def test_palm_is_asked_the_last_turn_alone(google: GoogleStandIn) -> None:
    palm = open_backend("palm", google)
    job = await palm.trained()
    assert (await palm.backend.generate(job.endpoint, TALK)).text.strip() == "9"
    assert google.requests.matching(":generateText")[-1].body == {"prompt": {"text": "8"}}
    await palm.backend.close()


async def test_all_answers_of_palm_are_read_and_those_held_back_are_missing(google: GoogleStandIn) -> None:
    palm = open_backend("palm", google)
    job = await palm.trained()
    google.answers.say("nine")
    google.answers.finish("SAFETY")
    google.answers.say("ten")
    settings = GenerationSettings(candidate_count=3, temperature=0.9)
    answer = await palm.backend.generate(job.endpoint, Prompt(TALK.turns, settings))
    assert answer == Answer("nine", others=("ten",))
    assert google.requests.matching(":generateText")[-1].body["candidateCount"] == 3

    google.answers.say("six", times=2)
    settings = GenerationSettings(candidate_count=2)
    pieces = [piece async for piece in palm.backend.stream(job.endpoint, Prompt(TALK.turns, settings))]
    assert pieces == [Answer("six"), Answer("", Finish.COMPLETE, "", ("six",))]
    await palm.backend.close()
