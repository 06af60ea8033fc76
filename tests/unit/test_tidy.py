"""The project's own rules that no other tool checks."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ADDRESS = re.compile(r"https?://")
LOCKS = ("requirements/*.txt", "*.lock", "**/package-lock.json", "**/go.sum")


def tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(  # noqa: S603 - patterns of this file
        ["git", "ls-files", "-co", "--exclude-standard", *patterns],  # noqa: S607 - git of the PATH
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).is_file()]


def test_lock_files_pin_by_version_and_hash_alone():
    locks = tracked(*LOCKS)
    assert locks
    for lock in locks:
        text = lock.read_text()
        assert not ADDRESS.search(text), lock
        assert any(digest in text for digest in ("--hash=sha256:", '"integrity"', " h1:")), lock


def test_modules_open_with_who_is_in_them():
    for module in tracked("src/**/*.py"):
        first = module.read_text().lstrip()[:3]
        assert first == '"""', f"{module.relative_to(ROOT)} has no docstring"


def test_no_drawer_for_everything():
    names = {"utils", "util", "common", "helpers", "helper", "misc", "manager"}
    found = [path for path in tracked("src/**/*.py") if path.stem in names]
    assert not found


def test_files_stay_small():
    """Around 150 lines is the aim; 230 is where a file has two jobs."""
    long = {
        str(path.relative_to(ROOT)): count
        for path in tracked("src/**/*.py")
        if (count := len(path.read_text().splitlines())) > 230
    }
    assert not long


def test_an_address_in_a_lock_would_be_found():
    assert ADDRESS.search("six @ https://files.example/six.whl")
