"""Programs that are not ours: CloudEvents' SDKs for other languages, and other workers.

Their libraries are installed, at the versions of their lock files, when a test first needs them,
into `.senders/`; as long as their files stay the same, later runs need no network.
"""

import asyncio
import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.brokers.kafka import missing

HERE = Path(__file__).parent
CACHE = HERE.parents[1] / ".senders"
INSTALLED_WITHIN = 300.0  # seconds
SENT_WITHIN = 30.0


@dataclass(frozen=True)
class Language:
    """How the program in `directory` is made, and how it is started where it is ready."""

    directory: Path
    needs: Sequence[str]
    install: Sequence[str]
    start: Sequence[str]


LANGUAGES = {
    "javascript": Language(
        HERE / "js", ["node", "npm"], ["npm", "ci", "--ignore-scripts"], ["node", "send.mjs"]
    ),
    "go": Language(
        HERE / "go", ["go"], ["go", "build", "-buildvcs=false", "-o", "send"], ["./send"]
    ),
}


async def send(language: str, mode: str, url: str, events: Sequence[dict[str, Any]]) -> None:
    """Have the SDK send CloudEvents (given in the JSON format); AssertionError if it cannot."""
    home = await installed(LANGUAGES[language])
    command = [*LANGUAGES[language].start, mode, url]
    code, output = await _run(command, home, SENT_WITHIN, given=json.dumps(events).encode())
    assert code == 0, output


async def installed(language: Language) -> Path:
    """The directory where it is ready; skips the test where it cannot be had."""
    files = sorted(path for path in language.directory.iterdir() if path.is_file())
    content = b"".join(path.name.encode() + path.read_bytes() for path in files)
    home = CACHE / f"{language.directory.name}-{hashlib.sha256(content).hexdigest()[:16]}"
    if absent := [tool for tool in language.needs if shutil.which(tool) is None]:
        missing(f"a program needs {' and '.join(absent)}")
    if home.exists():
        return home
    CACHE.mkdir(exist_ok=True)
    with TemporaryDirectory(dir=CACHE) as scratch:
        made = Path(scratch) / "made"
        made.mkdir()
        for path in files:
            shutil.copy(path, made)
        code, output = await _run(language.install, made, INSTALLED_WITHIN)
        if code != 0:
            missing(f"a program cannot be made: {output[-500:]}")
        made.rename(home)  # whole or not at all
    return home


async def _run(
    command: Sequence[str], home: Path, within: float, *, given: bytes = b""
) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=home,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(within):
            output, _ = await process.communicate(given)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode, output.decode(errors="replace")
