"""Tunes with the PaLM API, `v1beta3`, whose tuned models answer generateText: one question, no earlier turns.

Source: google/ai/generativelanguage/v1beta3/text_service.proto.
"""

from collections.abc import AsyncGenerator

from bot.backends.generative_language.backend import TunedModelsBackend
from bot.backends.google.generation import text_answer
from bot.backends.google.generation_requests import text_request
from bot.backends.google.http import GoogleHttp
from bot.backends.google.json_fields import integer
from bot.domain.backend_profile import BackendProfile
from bot.domain.chat import Answer
from bot.ports.backends import Prompt


class PalmBackend(TunedModelsBackend):
    """The TuningBackend of the PaLM API."""

    def __init__(self, profile: BackendProfile, http: GoogleHttp, base_url: str = "") -> None:
        super().__init__(profile, http, "v1beta3", base_url)

    async def generate(self, endpoint: str, prompt: Prompt) -> Answer:
        body = text_request(prompt.turns, prompt.settings, self._profile.generation)
        return text_answer(await self._http.ask(self._url(endpoint, ":generateText"), body))

    async def count_tokens(self, base_model: str, text: str) -> int:
        prompt = {"prompt": {"text": text}}
        counted = await self._http.count(self._url(f"models/{base_model}", ":countTextTokens"), prompt)
        return integer(counted.get("tokenCount")) or 0

    async def stream(self, endpoint: str, prompt: Prompt) -> AsyncGenerator[Answer, None]:
        """Yield the whole answer at once: v1beta3 has no method that streams."""
        answer = await self.generate(endpoint, prompt)
        if answer.text:
            yield Answer(answer.text)
        yield Answer("", answer.finish, answer.reason, answer.others)
