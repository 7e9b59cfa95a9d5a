"""The values of Tunebot: datasets, jobs, models, conversations and places.

Frozen values without Slack's and Google's JSON, so that every package can use them. No I/O, no clock, no
imports of ours but of each other. Times are aware UTC datetimes; durations are seconds.
"""
