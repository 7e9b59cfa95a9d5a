"""The README's lines let the real shells complete the command: what is typed here ends with the Tab key."""

import asyncio
import os
import pty
import re
import shutil
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest

from tests.support.waiting import wait_until

ROOT: Final = Path(__file__).parents[2]
# Each shell without its owner's start files, and how it says what comes before a command.
SHELLS: Final = {
    "bash": (["--noprofile", "--norc", "-i"], "PS1='ready> '"),
    "zsh": (["-f", "-i"], "PS1='ready> '; unsetopt beep prompt_cr prompt_sp"),
    "fish": (["--no-config", "-i"], "function fish_prompt; echo -n 'ready> '; end"),
}

pytestmark = [pytest.mark.long, pytest.mark.outside]


class Terminal:
    """A shell at a terminal of its own."""

    def __init__(self, shell: str, folder: Path) -> None:
        self.said = ""
        arguments, prompt = SHELLS[shell]
        environment = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(folder),
            "TERM": "dumb",
            "LC_ALL": "C.UTF-8",
        }
        child, self._terminal = pty.fork()
        if child == 0:
            os.chdir(folder)
            os.execve(str(shutil.which(shell)), [shell, *arguments], environment)
        self._child = child
        os.set_blocking(self._terminal, False)
        self.type(f"{prompt}\n")

    def type(self, text: str) -> None:
        os.write(self._terminal, text.encode())

    def shows(self, pattern: str) -> bool:
        with suppress(BlockingIOError, OSError):
            while read := os.read(self._terminal, 65_536):
                self.said += read.decode(errors="replace")
        return re.search(pattern, self.said) is not None

    async def waits_for(self, pattern: str) -> None:
        try:
            await wait_until(lambda: self.shows(pattern), pattern, within=60.0)
        except AssertionError:
            raise AssertionError(f"no {pattern!r} in {self.said!r}") from None
        self.said = ""

    async def close(self) -> None:
        os.kill(self._child, 9)
        await asyncio.to_thread(os.waitpid, self._child, 0)
        os.close(self._terminal)


@pytest.mark.parametrize("shell", SHELLS)
async def test_a_shell_completes_commands_and_options_after_the_readmes_line(tmp_path: Path, shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    readme = (ROOT / "README.md").read_text()
    [line] = re.findall(rf"^(.*_TUNEBOT_COMPLETE={shell}_source.*?)\s+#", readme, re.MULTILINE)
    terminal = Terminal(shell, tmp_path)
    try:
        await terminal.waits_for(r"ready> ")
        # What is typed comes back too; the quotes tell it from what is printed.
        terminal.type(f"{line}; and echo se't'-up\n" if shell == "fish" else f"{line} && echo se't'-up\n")
        await terminal.waits_for(r"set-up\s[\s\S]*ready> ")
        terminal.type("tunebot doc\t")
        await terminal.waits_for(r"doctor ")
        terminal.type("--env\t")
        await terminal.waits_for(r"--env-file")
    finally:
        await terminal.close()
