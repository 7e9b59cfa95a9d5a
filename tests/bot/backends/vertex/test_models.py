"""A model of Vertex AI is deleted with every endpoint that serves only it."""

import pytest

from bot.domain.chat import Turn, TurnRole
from bot.domain.operations import TunedModel
from bot.errors import NotFoundAtGoogle
from bot.ports.backends import Prompt
from tests.support.backend_harness import BackendHarness

QUESTION = Prompt([Turn(TurnRole.USER, "8")])


async def test_deletion_deletes_the_endpoint_of_every_checkpoint(vertex: BackendHarness) -> None:
    job = await vertex.trained()
    other = await vertex.trained(1)
    made = vertex.google.tuning_jobs.all[0].view(beta=False)["tunedModel"]
    names = [checkpoint["endpoint"] for checkpoint in made["checkpoints"]]
    assert len(names) == 3
    await vertex.backend.delete(TunedModel("vertex", job.tuned_model, job.endpoint, job.name))
    for name in names:
        assert vertex.google.requests.matching(f"{name.rpartition('/')[2]}$", "DELETE")
        with pytest.raises(NotFoundAtGoogle):
            await vertex.backend.generate(name, QUESTION)
    assert (await vertex.backend.generate(other.endpoint, QUESTION)).text.strip() == "9"


async def test_endpoint_with_two_names_is_deleted_once(vertex: BackendHarness) -> None:
    job = await vertex.trained()
    number = job.endpoint.split("/")[1]
    by_id = job.endpoint.replace(f"projects/{number}/", f"projects/{vertex.google.project}/")
    await vertex.backend.delete(TunedModel("vertex", job.tuned_model, by_id, job.name))
    last = job.endpoint.rpartition("/")[2]
    assert len(vertex.google.requests.matching(f"{last}$", "DELETE")) == 1
