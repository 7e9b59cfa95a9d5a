"""Google's former client, google-generativeai, against the stand-in; run by a Python that has it installed.

Usage: generativeai_walk.py HOST TOKEN API_KEY. It speaks v1beta over REST. Prints what it saw as one JSON object.
"""

import json
import sys
import time

import google.generativeai as genai
from google.oauth2.credentials import Credentials

host, token, api_key = sys.argv[1:]
options = {"api_endpoint": host}
genai.configure(credentials=Credentials(token), transport="rest", client_options=options)  # type: ignore[no-untyped-call]
seen: dict[str, object] = {}

rows = [{"text_input": "1", "output": "2"}, {"text_input": "seven", "output": "eight"}] * 5
operation = genai.create_tuned_model(
    source_model="models/gemini-1.0-pro-001",
    training_data=rows,
    id="official-client",
    epoch_count=2,
    batch_size=4,
    learning_rate=0.001,
    display_name="official client",
)
seen["total steps"] = operation.metadata.total_steps
seen["named"] = operation.metadata.tuned_model
deadline = time.monotonic() + 90
while not operation.done() and time.monotonic() < deadline:
    time.sleep(0.1)
model = operation.result()
seen["state"] = model.state.name
seen["snapshots"] = len(model.tuning_task.snapshots)
seen["listed"] = [listed.name for listed in genai.list_tuned_models()]
seen["owned"] = genai.get_tuned_model("tunedModels/official-client").display_name

# An API key is enough to ask.
genai.configure(api_key=api_key, transport="rest", client_options=options)
asked = genai.GenerativeModel("tunedModels/official-client")
seen["answer"] = asked.generate_content("seven").text
seen["stream"] = [chunk.text for chunk in asked.generate_content("1", stream=True) if chunk.parts]
genai.configure(credentials=Credentials(token), transport="rest", client_options=options)  # type: ignore[no-untyped-call]
genai.delete_tuned_model("tunedModels/official-client")
seen["left"] = [listed.name for listed in genai.list_tuned_models()]
print(json.dumps(seen))
