"""Packages of PyPI in an environment of their own, for tests in which a program that is not ours judges."""

import subprocess
import venv
from pathlib import Path

import pytest


def install_with_pip(directory: Path, *requirements: str) -> Path:
    """Make an environment with these packages and return its Python; skip where they cannot be had."""
    venv.create(directory, with_pip=True)
    python = directory / "bin" / "python"
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requirements]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"pip could not install {', '.join(requirements)}: {done.stderr[-300:]}")
    return python
