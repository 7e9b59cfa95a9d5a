"""Google's own client, google-genai, against the stand-in; run by a Python that has it installed.

Usage: genai_walk.py BASE_URL TOKEN PROJECT TRAINING_URI. Prints what it saw as one JSON object.
"""

import json
import sys
import time

from google import genai
from google.genai import errors, types
from google.oauth2.credentials import Credentials

base_url, token, project, training_uri = sys.argv[1:]
client = genai.Client(
    vertexai=True,
    project=project,
    location="us-central1",
    credentials=Credentials(token),  # type: ignore[no-untyped-call]
    http_options=types.HttpOptions(base_url=base_url),
)
seen: dict[str, object] = {}

job = client.tunings.tune(
    base_model="gemini-3.5-flash",
    training_dataset=types.TuningDataset(gcs_uri=training_uri),
    config=types.CreateTuningJobConfig(
        epoch_count=3,
        adapter_size="ADAPTER_SIZE_FOUR",
        learning_rate_multiplier=1.5,
        tuned_model_display_name="official client",
        validation_dataset=types.TuningValidationDataset(gcs_uri=training_uri),
    ),
)
seen["created"] = job.name
states = []
deadline = time.monotonic() + 90
while not job.has_ended and time.monotonic() < deadline:
    states.append(job.state.value)
    time.sleep(0.1)
    job = client.tunings.get(name=job.name)
seen["states"] = sorted(set(states))
seen["state"] = job.state.value
seen["endpoint"] = job.tuned_model.endpoint
seen["checkpoints"] = len(job.tuned_model.checkpoints)
seen["rows"] = job.tuning_data_stats.supervised_tuning_data_stats.tuning_dataset_example_count
seen["listed"] = [listed.name for listed in client.tunings.list(config={"page_size": 1})]
answered = client.models.generate_content(model=job.tuned_model.endpoint, contents="twenty two")
seen["answer"] = answered.text
seen["finish"] = answered.candidates[0].finish_reason.value
seen["tokens"] = answered.usage_metadata.total_token_count
streamed = client.models.generate_content_stream(model=job.tuned_model.endpoint, contents="ninety nine")
seen["stream"] = [chunk.text for chunk in streamed]
seen["counted"] = client.models.count_tokens(model="gemini-3.5-flash", contents="some words here").total_tokens

second = client.tunings.tune(
    base_model="gemini-3.5-flash",
    training_dataset=types.TuningDataset(gcs_uri=training_uri),
    config=types.CreateTuningJobConfig(epoch_count=1),
)
client.tunings.cancel(name=second.name)
seen["cancelled"] = client.tunings.get(name=second.name).state.value
again = client.tunings.tune(
    base_model=job.tuned_model.model,
    training_dataset=types.TuningDataset(gcs_uri=training_uri),
    config=types.CreateTuningJobConfig(epoch_count=1),
)
seen["again"] = again.pre_tuned_model.tuned_model_name
try:
    client.tunings.tune(base_model="gemini-0.1", training_dataset=types.TuningDataset(gcs_uri=training_uri))
except errors.ClientError as error:
    seen["refused"] = [error.code, error.status, error.message]
print(json.dumps(seen))
