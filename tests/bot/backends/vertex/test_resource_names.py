"""Resource names of Vertex AI become URLs of the host that serves them, and nothing else becomes one."""

import pytest

from bot.backends.vertex.resource_names import VertexHosts, VertexName
from bot.errors import BadArgument

JOB = "projects/1/locations/us-central1/tuningJobs/7"


def test_host_follows_from_the_resources_own_location() -> None:
    hosts = VertexHosts()
    assert hosts.url(JOB) == f"https://us-central1-aiplatform.googleapis.com/v1/{JOB}"
    assert hosts.url("projects/p/locations/us/endpoints/2", ":generateContent") == (
        "https://aiplatform.us.rep.googleapis.com/v1/projects/p/locations/us/endpoints/2:generateContent"
    )
    assert hosts.url("projects/p/locations/eu/endpoints/2").startswith("https://aiplatform.eu.rep.googleapis.com/")
    assert hosts.url("projects/p/locations/global/endpoints/2").startswith("https://aiplatform.googleapis.com/")
    assert VertexHosts("http://h:1/").url(JOB) == f"http://h:1/v1/{JOB}"


@pytest.mark.parametrize(
    "name",
    ["", "tunedModels/x", "projects/p/locations/evil.test#/endpoints/1", "projects/p/locations/l/../../x",
     "projects/p/locations/l/endpoints/1?key=x", "https://evil.test/projects/p/locations/l/endpoints/1"],
)  # fmt: skip
def test_only_resource_names_become_addresses(name: str) -> None:
    with pytest.raises(BadArgument):
        VertexHosts().url(name)


def test_version_of_a_model_is_told_apart() -> None:
    model = VertexName.parse("projects/1/locations/l/models/5@2")
    assert (model.version, model.unversioned) == ("2", "projects/1/locations/l/models/5")
