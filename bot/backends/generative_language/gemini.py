"""The Gemini API, `v1beta`: tuned models that answer generateContent."""

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing

from bot.backends.generative_language.backend import TunedModels
from bot.backends.google.auth import ApiKey
from bot.backends.google.generation import content_answer, content_answers, contents
from bot.backends.google.http import GoogleHttp
from bot.backends.google.json_fields import Json, whole
from bot.domain.backend_profile import BackendProfile
from bot.domain.chat import Answer, Role, Turn
from bot.errors import InvalidRequest


class GeminiBackend(TunedModels):
    """`api_key` is enough to ask a model; without it, the credentials that tune ask too."""

    def __init__(self, profile: BackendProfile, http: GoogleHttp, base_url: str = "", api_key: str = "") -> None:
        super().__init__(profile, http, "v1beta", base_url)
        self._asking = http.showing(ApiKey(api_key)) if api_key else http
        # Google's pages do not say whether tuned models take earlier turns, so the first refusal decides.
        self._single_turn: set[str] = set()

    async def generate(self, endpoint: str, turns: Sequence[Turn]) -> Answer:
        """See TuningBackend."""
        url = self._url(endpoint, ":generateContent")
        while True:
            try:
                return content_answer(await self._asking.ask(url, self._question(endpoint, turns)))
            except InvalidRequest as error:
                if not self._learned_single_turn(endpoint, error, turns):
                    raise

    async def count_tokens(self, base_model: str, text: str) -> int:
        """See TuningBackend."""
        body = {"contents": contents([Turn(Role.USER, text)])}
        counted = await self._asking.ask(self._url(f"models/{base_model}", ":countTokens"), body)
        return whole(counted.get("totalTokens")) or 0

    async def stream(self, endpoint: str, turns: Sequence[Turn]) -> AsyncIterator[Answer]:
        """See TuningBackend."""
        url = self._url(endpoint, ":streamGenerateContent")
        while True:
            pieces = self._asking.pieces(url, self._question(endpoint, turns))
            try:
                async with aclosing(content_answers(pieces)) as answers:
                    async for answer in answers:
                        yield answer
            except InvalidRequest as error:
                if not self._learned_single_turn(endpoint, error, turns):
                    raise
            else:
                return

    def _question(self, endpoint: str, turns: Sequence[Turn]) -> Json:
        return {"contents": contents(turns[-1:] if endpoint in self._single_turn else turns)}

    def _learned_single_turn(self, endpoint: str, error: InvalidRequest, turns: Sequence[Turn]) -> bool:
        """Whether Google refused the earlier turns, so that the last one alone is worth sending."""
        said = error.message.lower()
        if len(turns) < 2 or endpoint in self._single_turn or not ("multiturn" in said or "multi-turn" in said):
            return False
        self._single_turn.add(endpoint)
        return True
