"""A file of each kind that people have is answered rightly on the command line, for each backend."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from bot.backends import PROFILES
from bot.cli import cli
from bot.datasets import counted
from bot.domain.datasets import Dialect
from tests.support.data_files import DATA
from tests.support.dataset_builders import check_bytes, rows_of
from tests.support.dataset_kinds import FOLDER, NAMES, NOTES, right_answer

BACKENDS = ("vertex", "gemini", "palm")


def test_each_file_of_the_folder_is_in_the_table() -> None:
    assert tuple(sorted(path.name for path in (DATA / FOLDER).iterdir())) == NAMES


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", NAMES)
def test_check_repair_and_convert_give_what_is_right(name: str, backend: str, tmp_path: Path) -> None:
    right, file = right_answer(backend, name), str(DATA / FOLDER / name)
    checked = CliRunner().invoke(cli, ["check", file, "--for", backend, "--json"])
    report = json.loads(checked.stdout)
    found = [finding["rule"] for finding in report["findings"] if finding["rule"] not in NOTES]
    assert " ".join(found) == right.found
    assert (report["dialect"] or "", report["rows"], report["examples"]) == right[:3]
    fine = report["ok"] and "preferred-only" not in found
    assert checked.exit_code == (0 if fine else 1)
    repaired = CliRunner().invoke(cli, ["check", file, "--for", backend, "--repair", str(tmp_path)])
    [kept_file], [rejected_file] = tmp_path.glob("*.repaired.jsonl"), tmp_path.glob("*.rejected.jsonl")
    kept = len(kept_file.read_text().splitlines())
    left_out = sum(row.get("rows", 1) for row in rows_of(rejected_file.read_bytes()))
    assert (kept, kept + left_out) == (right.kept, right.rows)
    assert f"{counted(left_out, 'row')} left out" in repaired.stdout or not right.rows
    profile = PROFILES[backend]
    again = check_bytes(kept_file.read_bytes(), profile.limits, profile.dialect)
    assert again.examples == again.rows == kept
    out = tmp_path / "converted.jsonl"
    options = ["--preferred"] if "preferred-only" in found else []
    converted = CliRunner().invoke(
        cli, ["convert", file, "--to", Dialect(profile.dialect).value, "--out", str(out), *options]
    )
    if report["ok"]:
        assert converted.exit_code == 0, converted.output
        assert len(out.read_text().splitlines()) == right.examples
    elif right.examples < right.rows and right.found not in ("many-turns", "output-too-long cell-limit"):
        assert (converted.exit_code, out.exists()) == (1, False)
