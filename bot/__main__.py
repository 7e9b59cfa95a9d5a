"""`python -m bot` is `tunebot`."""

from bot.cli import main

main()
