"""OpenAI, only as the place that tunings and their files come from: nothing is ever sent or changed there."""
