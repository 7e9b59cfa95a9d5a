"""Asks a model, with the earlier turns of the thread and the settings of the channel, and shows each new text."""

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace

from bot.chat.answer_settings import AnswerSettings
from bot.chat.gone_models import GoneModels
from bot.domain.chat import (
    UNFINISHED,
    Answer,
    Conversation,
    Finish,
    ModelAnswer,
    ModelRef,
    Turn,
    TurnRole,
    estimated_tokens,
)
from bot.domain.generation_settings import NO_SETTINGS, GenerationSettings
from bot.domain.place import Place
from bot.errors import BadArgument, GoogleError, NotFoundAtGoogle
from bot.ports.backends import Prompt, TuningBackend, offered_backend
from bot.ports.questions import ShowWords
from bot.ports.stores import ChatStore

logger = logging.getLogger(__name__)

# Gets what is sent with a question, right before it is sent: the turns, the settings and the base model.
BeforeSend = Callable[[Sequence[Turn], GenerationSettings, str], Awaitable[None]]


class ModelAsking:
    """Asks models. It does not check who may ask: its callers do that before."""

    def __init__(
        self,
        backends: Mapping[str, TuningBackend],
        chats: ChatStore,
        settings: AnswerSettings,
        gone: GoneModels,
    ) -> None:
        self._backends = backends
        self._chats = chats
        self._settings = settings
        self._gone = gone

    async def ask(
        self,
        place: Place,
        question: str,
        model: ModelRef,
        settings: GenerationSettings = NO_SETTINGS,
        show: ShowWords = lambda words: None,
        *,
        alone: bool = False,
        before_send: BeforeSend | None = None,
        thread_model: ModelRef | None = None,
        is_base: bool = False,
    ) -> ModelAnswer:
        """Ask the model, with the thread's earlier turns if the backend accepts them; `show` gets each new text.

        `settings` are the question's own, which stand before those of the channel. Where the connection ends in
        the middle, it returns the text until there: it was paid for. A question that stands `alone` is asked
        without history. What `before_send` raises ends the question before anything is sent. In a comparison,
        `thread_model` is the model of the conversation, and where `is_base` the model is its base, which is asked
        with the same settings. Raises BadArgument for an empty question, GoogleError, StorageError.
        """
        if not question.strip():
            raise BadArgument("There is no question.", "Type it after the command: /ask What can you do?")
        backend = offered_backend(self._backends, model.backend)
        of_thread = thread_model or model
        asked_as = of_thread if is_base else model
        used, base_model, left_out = await self._settings.for_question(place, asked_as, settings)
        budget = max(0, backend.profile.input_tokens - estimated_tokens(question))
        earlier = None if alone else await conversation_in(self._chats, place, budget)
        # The name of the thread's model may have changed since; its endpoint does not change.
        same = earlier is not None and earlier.model.endpoint == of_thread.endpoint
        history = earlier.turns if earlier is not None and same else ()
        cut = earlier is not None and same and earlier.cut
        takes_history = backend.profile.takes_history
        turns = (*(history if takes_history else ()), Turn(TurnRole.USER, question))
        if before_send is not None:
            await before_send(turns, used, base_model)
        try:
            answer = await _answered(backend, model.endpoint, Prompt(turns, used, base_model), show)
        except GoogleError as error:
            raise self._gone.explained(error, model, base_model, backend.profile, is_base=is_base) from error
        return ModelAnswer(
            model,
            answer,
            history_dropped=bool(history or cut) and not takes_history,
            history_cut=cut and takes_history,
            settings=used,
            overrides=tuple(settings.given()),
            sent=turns,
            base_model=base_model,
            left_out=left_out,
            is_base=is_base,
        )


async def conversation_in(chats: ChatStore, place: Place, tokens: int) -> Conversation | None:
    """Return the conversation in this place, None if there is none. Raises StorageError.

    Direct messages are one conversation, which a thread in them goes on with until it has its own.
    """
    found = await chats.conversation(place, tokens) if place.thread else None
    if found is not None and not found.model.endpoint:
        found = None
    if found is None and place.is_direct:
        return await chats.conversation(replace(place, thread=""), tokens)
    return found


async def _answered(backend: TuningBackend, endpoint: str, prompt: Prompt, show: ShowWords) -> Answer:
    try:
        return await _streamed(backend.stream(endpoint, prompt), show)
    except NotFoundAtGoogle:
        # Google has answered 404 to streams of tuned models that it serves. Nothing was generated, so asking
        # for the whole answer pays for nothing twice.
        return await backend.generate(endpoint, prompt)


async def _streamed(stream: AsyncGenerator[Answer, None], show: ShowWords) -> Answer:
    texts: list[str] = []
    last = Answer("", Finish.EMPTY)
    try:
        async with aclosing(stream) as pieces:
            async for last in pieces:
                if last.text:
                    texts.append(last.text)
                    show(last.text)
    except GoogleError as error:
        text = "".join(texts)
        if not text.strip():
            raise
        logger.info("an answer ended early: %s", error)
        return Answer(text, Finish.DROPPED)
    return Answer("".join(texts), last.finish, last.reason, last.others, last.usage)


def exchange(place: Place, question: str, answer: ModelAnswer, key: str = "") -> Conversation:
    """Return the turns that a thread keeps of a posted answer: both, or none if the model returned no text."""
    turns: tuple[Turn, ...] = ()
    if answer.answer.text and answer.answer.finish in (Finish.COMPLETE, Finish.CUT, *UNFINISHED):
        turns = (Turn(TurnRole.USER, question), Turn(TurnRole.MODEL, answer.answer.text))
    return Conversation(place, answer.model, turns, question=key)
