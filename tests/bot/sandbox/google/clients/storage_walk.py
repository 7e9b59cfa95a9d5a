"""Google's own client, google-cloud-storage, against the stand-in; run by a Python that has it installed.

Usage: storage_walk.py BUCKET, with STORAGE_EMULATOR_HOST set. Prints what it saw as one JSON object.
"""

import io
import json
import sys

from google.api_core.exceptions import NotFound
from google.cloud import storage

seen: dict[str, object] = {}
client = storage.Client(project="sandbox-project")
bucket = client.bucket(sys.argv[1])
seen["bucket"] = bucket.exists()
seen["no bucket"] = client.bucket("no-such-bucket").exists()

small = bucket.blob("rows/small file ä.jsonl")
small.upload_from_string('{"a": 1}\n', content_type="application/jsonl")
seen["small"] = small.download_as_text()
seen["range"] = small.download_as_bytes(start=2, end=4).decode()

# A stream of unknown length is uploaded in resumable chunks.
content = bytes(range(256)) * 3000
large = bucket.blob("large.bin", chunk_size=256 * 1024)
large.upload_from_file(io.BytesIO(content))
seen["large"] = large.download_as_bytes() == content
large.reload()
seen["size"] = large.size
seen["listed"] = [blob.name for blob in client.list_blobs(bucket, prefix="rows/")]
large.delete()
seen["deleted"] = large.exists()
try:
    bucket.blob("missing").download_as_bytes()
except NotFound as error:
    seen["missing"] = error.code
print(json.dumps(seen))
