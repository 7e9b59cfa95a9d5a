"""What the use cases need from outside, as Protocols. `bot/backends` implements those for Google, `handlers` those
for Slack, `storage` those for SQLite. Only `bot/app/` knows which class implements which Protocol.
"""
