"""A local stand-in of Google: PaLM API, Gemini API, Vertex AI, Cloud Storage and tokens on one loopback port.

`GoogleStandIn` is all that others need; it imports nothing of ours, so that it can judge the bot from outside.
"""

from bot.sandbox.google.google_stand_in import GoogleStandIn
from bot.sandbox.google.job_register import Job
from bot.sandbox.google.service_limits import Limits
from bot.sandbox.google.stored_objects import BucketSettings
from bot.sandbox.google.trainer import Example, Prompt, Score, Trainer, TrainingRun, TrainingTask

__all__ = [
    "BucketSettings",
    "Example",
    "GoogleStandIn",
    "Job",
    "Limits",
    "Prompt",
    "Score",
    "Trainer",
    "TrainingRun",
    "TrainingTask",
]
