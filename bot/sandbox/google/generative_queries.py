"""Questions to the models of the Gemini API and the PaLM API."""

from collections.abc import AsyncIterator
from typing import Any

from aiohttp import web

from bot.sandbox.google.content_requests import check_roles, check_safety, check_settings, prompt_of
from bot.sandbox.google.json_bodies import GEMINI, PALM, decode, encode
from bot.sandbox.google.router import Call, Router, answer
from bot.sandbox.google.rpc_status import invalid, not_found
from bot.sandbox.google.text_generation import Answers, ContentRoutes, Piece, content_response, generate
from bot.sandbox.google.trainer import Prompt, TrainingRun
from bot.sandbox.google.training_files import count_tokens
from bot.sandbox.google.tuned_models import TunedModels

MODEL = r"(?P<name>(tunedModels|models)/[^/:]+)"
PALM_CATEGORIES = (
    "HARM_CATEGORY_DEROGATORY",
    "HARM_CATEGORY_TOXICITY",
    "HARM_CATEGORY_VIOLENCE",
    "HARM_CATEGORY_SEXUAL",
    "HARM_CATEGORY_MEDICAL",
    "HARM_CATEGORY_DANGEROUS",
)


class QueryRoutes(ContentRoutes):
    """generateText, generateContent, streamGenerateContent and countTokens."""

    def __init__(self, models: TunedModels, answers: Answers) -> None:
        self._models = models
        self._answers = answers

    def register(self, router: Router) -> None:
        """Bind each method to the version that has it; an API key is enough for all."""
        router.add("POST", f"/v1beta3/{MODEL}:generateText", self.generate_text, need="key")
        router.add("POST", f"/v1beta3/{MODEL}:countTextTokens", self.count_text_tokens, need="key")
        router.add("POST", f"/v1beta/{MODEL}:generateContent", self.generate_content, need="key")
        router.add("POST", f"/v1beta/{MODEL}:streamGenerateContent", self.stream_content, need="key")
        router.add("POST", f"/v1beta/{MODEL}:countTokens", self.count_tokens, need="key")

    async def generate_text(self, call: Call) -> web.Response:
        """Complete a text with a PaLM model, up to eight times at once."""
        asked = decode(PALM, "GenerateTextRequest", call.body or {})
        text = asked.get("prompt", {}).get("text", "")
        if not text:
            raise invalid("The prompt's text must not be empty.", "prompt.text")
        check_settings(asked, "", warmest=1.0)
        check_safety(asked)
        training_run = self._training_run("palm", call.arguments["name"])
        stops = tuple(asked.get("stopSequences", ()))
        prompt = Prompt((("user", text),), "", asked.get("temperature"), asked.get("maxOutputTokens"), stops)
        rating = [{"category": name, "probability": "NEGLIGIBLE"} for name in PALM_CATEGORIES]
        candidates, filters = [], []
        # A candidate that was held back is missing, and a filter says why; after a blocked prompt all are.
        for _ in range(asked.get("candidateCount", 1)):
            order = self._answers.take(text)
            pieces = [piece async for piece in generate(order, training_run, prompt, call.arguments["name"])]
            last = pieces[-1]
            if last.block or last.finish in ("SAFETY", "OTHER"):
                filters.append({"reason": "SAFETY" if "SAFETY" in (last.block, last.finish) else "OTHER"})
            elif last.candidates:
                candidates.append({"output": "".join(piece.text for piece in pieces), "safetyRatings": rating})
            if last.block:
                break
        return answer(encode(PALM, "GenerateTextResponse", {"candidates": candidates, "filters": filters}))

    async def count_text_tokens(self, call: Call) -> web.Response:
        """Count the tokens of a text."""
        asked = decode(PALM, "CountTextTokensRequest", call.body or {})
        count = count_tokens(asked.get("prompt", {}).get("text", ""))
        return answer(encode(PALM, "CountTextTokensResponse", {"tokenCount": count}))

    async def count_tokens(self, call: Call) -> web.Response:
        """Count the tokens of a request."""
        asked = decode(GEMINI, "CountTokensRequest", call.body or {})
        inner = asked.get("generateContentRequest", asked)
        count = sum(count_tokens(text) for _, text in prompt_of(inner).turns)
        details = [{"modality": "TEXT", "tokenCount": count}]
        content = {"totalTokens": count, "promptTokensDetails": details}
        return answer(encode(GEMINI, "CountTokensResponse", content))

    def _generate(self, call: Call) -> AsyncIterator[Piece]:
        asked = decode(GEMINI, "GenerateContentRequest", call.body or {})
        name = call.arguments["name"]
        check_roles(asked)
        check_settings(asked.get("generationConfig", {}))
        check_safety(asked)
        training_run = self._training_run("gemini", name)
        prompt = prompt_of(asked)
        if name.startswith("tunedModels/"):
            self._check_tuned(name, asked, prompt)
        return generate(self._answers.take(prompt.text), training_run, prompt, name)

    def _check_tuned(self, name: str, asked: dict[str, Any], prompt: Prompt) -> None:
        """Refuse what Google's tuned models don't take."""
        if prompt.system:
            raise invalid(f"Developer instruction is not enabled for {name}", "system_instruction")
        if asked.get("generationConfig", {}).get("responseMimeType", "text/plain") != "text/plain":
            raise invalid("JSON mode is not enabled for this model", "generation_config.response_mime_type")
        longest = self._models.jobs.limits.input_characters
        length = sum(len(text) for _, text in prompt.turns)
        if length > longest:
            raise invalid(f"The input has {length} characters, the limit is {longest}.", "contents")

    def _training_run(self, system: str, name: str) -> TrainingRun | None:
        if name.startswith("tunedModels/"):
            model = self._models.find(system, name)
            model.require_active()
            return model.job.training_run
        limits = self._models.jobs.limits
        if name not in (limits.palm_base_models if system == "palm" else limits.gemini_base_models):
            version = "v1beta3" if system == "palm" else "v1beta"
            raise not_found(
                f"{name} is not found for API version {version}, or is not supported for generateContent. Call "
                "ListModels to see the list of available models and their supported methods."
            )
        return None

    def _response(self, call: Call, piece: Piece) -> dict[str, Any]:
        trainer = self._models.jobs.trainer.name
        version = trainer if call.arguments["name"].startswith("tunedModels/") else "stand-in"
        content = content_response(piece, version, f"sandbox-{id(call):x}", vertex=False)
        return encode(GEMINI, "GenerateContentResponse", content)
