"""The PaLM API is asked one question without earlier turns."""

from bot.domain.chat import Role, Turn
from bot.sandbox.google import GoogleStandIn
from tests.support.backend_harness import open_backend

TALK = [Turn(Role.USER, "1"), Turn(Role.MODEL, "2"), Turn(Role.USER, "8")]


async def test_palm_is_asked_the_last_turn_alone(google: GoogleStandIn) -> None:
    palm = open_backend("palm", google)
    job = await palm.trained()
    assert (await palm.backend.generate(job.endpoint, TALK)).text.strip() == "9"
    assert google.requests.matching(":generateText")[-1].body == {"prompt": {"text": "8"}}
    await palm.backend.close()
