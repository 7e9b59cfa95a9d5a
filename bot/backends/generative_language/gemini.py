"""Tunes with the Gemini API, `v1beta`, whose tuned models answer generateContent.

Source: google/ai/generativelanguage/v1beta/generative_service.proto.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from bot.backends.generative_language.backend import TunedModelsBackend
from bot.backends.google.auth import ApiKey
from bot.backends.google.event_streams import read_events
from bot.backends.google.generation import content_answer, content_answers, contents
from bot.backends.google.generation_requests import content_request
from bot.backends.google.http import GoogleHttp
from bot.backends.google.json_fields import Json, integer
from bot.domain.backend_profile import BackendProfile
from bot.domain.chat import Answer, Turn, TurnRole
from bot.errors import InvalidRequest
from bot.ports.backends import Prompt


class GeminiBackend(TunedModelsBackend):
    """Sends questions with `api_key` where there is one, and everything else with the credentials of `http`."""

    def __init__(self, profile: BackendProfile, http: GoogleHttp, base_url: str = "", api_key: str = "") -> None:
        super().__init__(profile, http, "v1beta", base_url)
        self._answer_http = http.with_credentials(ApiKey(api_key)) if api_key else http
        # Google's pages do not say whether tuned models take earlier turns: where a model answers that it does
        # not, its later questions are sent without them.
        self._single_turn: set[str] = set()

    async def generate(self, endpoint: str, prompt: Prompt) -> Answer:
        url = self._url(endpoint, ":generateContent")
        while True:
            try:
                return content_answer(await self._answer_http.ask(url, self._request(endpoint, prompt)))
            except InvalidRequest as error:
                if not self._needs_single_turn(endpoint, error, prompt.turns):
                    raise

    async def count_tokens(self, base_model: str, text: str) -> int:
        body = {"contents": contents([Turn(TurnRole.USER, text)])}
        counted = await self._answer_http.count(self._url(f"models/{base_model}", ":countTokens"), body)
        return integer(counted.get("totalTokens")) or 0

    async def stream(self, endpoint: str, prompt: Prompt) -> AsyncGenerator[Answer, None]:
        url = self._url(endpoint, ":streamGenerateContent")
        while True:
            events = read_events(self._answer_http, url, self._request(endpoint, prompt))
            try:
                async with aclosing(content_answers(events)) as answers:
                    async for answer in answers:
                        yield answer
            except InvalidRequest as error:
                if not self._needs_single_turn(endpoint, error, prompt.turns):
                    raise
            else:
                return

    def _request(self, endpoint: str, prompt: Prompt) -> Json:
        turns = prompt.turns[-1:] if endpoint in self._single_turn else prompt.turns
        return content_request(turns, prompt.settings, self._profile.generation, prompt.base_model)

    def _needs_single_turn(self, endpoint: str, error: InvalidRequest, turns: Sequence[Turn]) -> bool:
        """Return whether Google rejected the earlier turns, and remember it for this endpoint."""
        message = error.message.lower()
        if (
            len(turns) < 2
            or endpoint in self._single_turn
            or not ("multiturn" in message or "multi-turn" in message)
        ):
            return False
        self._single_turn.add(endpoint)
        return True
