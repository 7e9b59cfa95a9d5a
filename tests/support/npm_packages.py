"""Packages of npm's registry, for tests in which a program that is not ours judges."""

import asyncio
import shutil
from pathlib import Path
from typing import Final

import pytest

INSTALL_SECONDS: Final = 120


async def install(package: str, folder: Path) -> None:
    """Install a package into a folder; the test is skipped, with the reason, where that does not work."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("node and npm are not installed")
    arguments = ["install", "--no-audit", "--no-fund", "--loglevel=error", package]
    process = await asyncio.create_subprocess_exec(
        npm, *arguments, cwd=folder, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    try:
        _, errors = await asyncio.wait_for(process.communicate(), INSTALL_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
        pytest.skip(f"npm did not install {package} within {INSTALL_SECONDS} s")
    if process.returncode:
        pytest.skip(f"npm could not install {package}: {errors.decode().strip()[-200:]}")
