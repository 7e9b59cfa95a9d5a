"""What the use cases need from the world, as Protocols. The rooms behind them: `bot/backends` (Google),
`handlers` (Slack), `storage` (SQLite). Only `bot/app.py` knows which class stands behind which port.
"""
