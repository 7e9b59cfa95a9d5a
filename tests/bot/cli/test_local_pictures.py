"""`--pictures` looks for the pictures that rows name by a path in a folder of this machine."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from bot.cli import cli
from bot.cli.local_pictures import LocalPictures
from tests.support.dataset_builders import PNG, jsonl


def _rows(*names: str) -> bytes:
    said = {"role": "assistant", "content": "A key."}
    return jsonl(*({"messages": [{"role": "user", "content": "What?"}, said], "images": [name]} for name in names))


def test_a_row_is_checked_with_its_pictures_and_no_other_picture_is_named(tmp_path: Path) -> None:
    (tmp_path / "pictures" / "keys").mkdir(parents=True)
    (tmp_path / "pictures" / "keys" / "a.png").write_bytes(PNG)
    (tmp_path / "pictures" / "other.png").write_bytes(PNG)
    (tmp_path / "pictures" / "text.png").write_bytes(b"no picture")
    folder = ["--pictures", str(tmp_path / "pictures")]
    rows = tmp_path / "rows.jsonl"
    rows.write_bytes(_rows("keys/a.png", "./keys/a.png"))
    alone = CliRunner().invoke(cli, ["check", str(rows)])
    assert (alone.exit_code, "--pictures" in alone.output) == (1, True)
    checked = CliRunner().invoke(cli, ["check", str(rows), *folder])
    assert checked.exit_code == 0, checked.output
    assert "other.png" not in checked.output
    made = CliRunner().invoke(
        cli, ["convert", str(rows), "--to", "vertex", "--pictures", str(tmp_path / "pictures")]
    )
    assert (made.exit_code, made.stdout.count('"fileUri":"keys/a.png"')) == (0, 2)
    assert "names pictures by their paths, and does not hold them" in made.stderr
    repaired = CliRunner().invoke(cli, ["check", str(rows), *folder, "--repair", str(tmp_path / "repaired")])
    assert "rows.repaired.jsonl names pictures by their paths" in repaired.output
    rows.write_bytes(_rows("keys/b.png", "text.png"))
    missing = CliRunner().invoke(cli, ["check", str(rows), *folder])
    assert missing.exit_code == 1
    assert "do not lie beside them: keys/b.png" in missing.output
    assert "HEIC or HEIF: text.png" in missing.output


@pytest.mark.parametrize("name", ["../secret.png", "/etc/passwd", "", ".", "folder"])
def test_nothing_outside_of_the_folder_is_a_picture(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret.png").write_bytes(PNG)
    (tmp_path / "in" / "folder").mkdir(parents=True)
    assert name not in LocalPictures(tmp_path / "in")
