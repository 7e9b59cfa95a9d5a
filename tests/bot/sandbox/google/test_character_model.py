"""The toy network: its gradients against finite differences, what it learns and how it answers."""

import pytest

np = pytest.importorskip("numpy", reason="numpy comes with the extra `sandbox`")

from bot.sandbox.google.character_model import SPECIAL, Adam, Batch, CharacterModel, alphabet_of  # noqa: E402
from tests.bot.sandbox.google.conftest import numbers  # noqa: E402

PAIRS = [("1", "2"), ("nine", "ten"), ("", "aaa"), ("zebra?", "?")]
ALPHABET = list("12nietaзb?")


def mean_loss(model: CharacterModel, batch: Batch) -> float:
    """Return the mean loss in nats a character."""
    measure = model.measure(batch)
    return measure.nats / measure.guessed


def said(model: CharacterModel, question: str, room: int = 50, temperature: float = 0.0, seed: int = 0) -> str:
    """Return an answer as one text."""
    return "".join(model.say(question, room, temperature, np.random.default_rng(seed)))


@pytest.fixture(scope="module")
def pupil() -> CharacterModel:
    """A network that has learned four pairs."""
    model = CharacterModel.fresh(ALPHABET, 48, seed=1)
    optimizer = Adam(model, 0.01)
    for _ in range(150):
        optimizer.step(model.learn_from(model.batch(PAIRS, 20))[1])
    return model


@pytest.mark.parametrize("name", ["read", "recur", "bias", "recur_bias", "write", "write_bias"])
def test_gradients_are_those_of_finite_differences(name: str) -> None:
    model = CharacterModel.fresh(ALPHABET, 7, seed=3, dtype=np.float64)
    batch = model.batch(PAIRS, 20)
    gradient = model.learn_from(batch)[1][name]
    weights = model.weights[name]
    chosen = np.random.default_rng(0).choice(weights.size, min(60, weights.size), replace=False)
    assert np.abs(gradient).max() > 1e-4
    for place in chosen:
        index = np.unravel_index(place, weights.shape)
        before = weights[index]
        weights[index] = before + 1e-5
        above = mean_loss(model, batch)
        weights[index] = before - 1e-5
        below = mean_loss(model, batch)
        weights[index] = before
        assert gradient[index] == pytest.approx((above - below) / 2e-5, rel=1e-5, abs=1e-8)


def test_loss_counts_the_answers_characters_and_their_end_alone() -> None:
    model = CharacterModel.fresh(ALPHABET, 8, seed=0)
    assert model.measure(model.batch(PAIRS, 20)).guessed == len("2" + "ten" + "aaa" + "?") + len(PAIRS)
    # An answer that was cut has no end to learn.
    assert model.measure(model.batch([("nine", "tent")], 4)).guessed == 4


def test_padding_changes_nothing() -> None:
    model = CharacterModel.fresh(ALPHABET, 8, seed=0)
    alone = sum(model.measure(model.batch([pair], 20)).nats for pair in PAIRS)
    assert model.measure(model.batch(PAIRS, 20)).nats == pytest.approx(alone, rel=1e-5)


def test_fresh_network_is_as_surprised_as_chance() -> None:
    model = CharacterModel.fresh(ALPHABET, 48, seed=0)
    assert mean_loss(model, model.batch(PAIRS, 20)) == pytest.approx(np.log(SPECIAL + len(ALPHABET)), rel=0.2)


def test_it_learns_pairs_by_heart(pupil: CharacterModel) -> None:
    assert [said(pupil, question) for question, _ in PAIRS] == [answer for _, answer in PAIRS]
    assert mean_loss(pupil, pupil.batch(PAIRS, 20)) < 0.1


@pytest.mark.long
def test_fifteen_numbers_are_learned_in_a_hundred_updates() -> None:
    pairs = [(row["text_input"], row["output"]) for row in numbers()]
    model = CharacterModel.fresh(alphabet_of([text for pair in pairs for text in pair], 100), 128, seed=0)
    optimizer = Adam(model, 0.01)
    batch = model.batch(pairs, 50)
    losses = [mean_loss(model, batch)]
    for _ in range(100):
        optimizer.step(model.learn_from(batch)[1])
    losses.append(mean_loss(model, batch))
    assert losses[0] > 3
    assert losses[1] < 0.05
    assert [said(model, question) for question, _ in pairs] == [answer for _, answer in pairs]


def test_same_seed_makes_the_same_network() -> None:
    one, same, other = (CharacterModel.fresh(ALPHABET, 8, seed=seed) for seed in (5, 5, 6))
    assert np.array_equal(one.weights["recur"], same.weights["recur"])
    assert not np.array_equal(one.weights["recur"], other.weights["recur"])


def test_unknown_characters_are_read_and_never_said(pupil: CharacterModel) -> None:
    answer = said(pupil, "что это 🤷", room=40, temperature=5.0)
    assert answer
    assert set(answer) <= set(ALPHABET)
    # Of an answer the unknown ones are left out: "?" and its end remain.
    assert pupil.measure(pupil.batch([("1", "🤷?🤷")], 20)).guessed == 2


def test_answers_have_room_and_are_never_empty(pupil: CharacterModel) -> None:
    assert said(pupil, "nine", room=2) == "te"
    fresh = CharacterModel.fresh(ALPHABET, 8, seed=0)
    fresh.weights["write_bias"][3] = 1000
    assert len(said(fresh, "1")) == 1


def test_temperature_draws_by_the_seed_and_none_is_greedy(pupil: CharacterModel) -> None:
    assert said(pupil, "nine", seed=1) == said(pupil, "nine", seed=2) == "ten"
    hot = {said(pupil, "nine", temperature=3.0, seed=seed) for seed in range(8)}
    assert len(hot) > 3
    assert said(pupil, "nine", temperature=3.0, seed=4) == said(pupil, "nine", temperature=3.0, seed=4)


def test_widened_network_keeps_what_it_learned_and_takes_new_characters(pupil: CharacterModel) -> None:
    wider = pupil.widened(["x", "1", "ж"], seed=0)
    assert wider.alphabet == (*ALPHABET, "x", "ж")
    assert mean_loss(wider, wider.batch(PAIRS, 20)) < 0.2
    optimizer = Adam(wider, 0.01)
    for _ in range(100):
        optimizer.step(wider.learn_from(wider.batch([*PAIRS, ("x", "жx")], 20))[1])
    assert said(wider, "x") == "жx"
    assert said(pupil, "nine") == said(wider, "nine") == "ten"


def test_alphabet_is_bounded_and_takes_the_commonest() -> None:
    assert alphabet_of(["aaab", "bbacc", "d"], 2) == ["a", "b"]
