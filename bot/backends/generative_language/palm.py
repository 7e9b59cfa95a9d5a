"""The PaLM API, `v1beta3`: tuned models that answer generateText, one question at a time."""

from collections.abc import AsyncIterator, Sequence

from bot.backends.generative_language.backend import TunedModels
from bot.backends.google.generation import question, text_answer
from bot.backends.google.http import GoogleHttp
from bot.backends.google.json_fields import whole
from bot.domain.backend_profile import BackendProfile
from bot.domain.chat import Answer, Turn


class PalmBackend(TunedModels):
    def __init__(self, profile: BackendProfile, http: GoogleHttp, base_url: str = "") -> None:
        super().__init__(profile, http, "v1beta3", base_url)

    async def generate(self, endpoint: str, turns: Sequence[Turn]) -> Answer:
        """See TuningBackend."""
        prompt = {"prompt": {"text": question(turns)}}
        return text_answer(await self._http.ask(self._url(endpoint, ":generateText"), prompt))

    async def count_tokens(self, base_model: str, text: str) -> int:
        """See TuningBackend."""
        prompt = {"prompt": {"text": text}}
        counted = await self._http.ask(self._url(f"models/{base_model}", ":countTextTokens"), prompt)
        return whole(counted.get("tokenCount")) or 0

    async def stream(self, endpoint: str, turns: Sequence[Turn]) -> AsyncIterator[Answer]:
        """The whole answer as one piece: v1beta3 streams nothing."""
        answer = await self.generate(endpoint, turns)
        if answer.text:
            yield Answer(answer.text)
        yield Answer("", answer.finish, answer.reason)
