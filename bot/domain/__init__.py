"""The nouns of Tunebot: what is tuned, how it goes, what comes of it, and what is said about it.

Plain frozen values, free of Slack's and Google's wire shapes, so that every room can share them. No I/O, no
clock and no imports of ours but of each other. Times are aware UTC datetimes; durations are seconds.
"""
