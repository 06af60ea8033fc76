"""The demo as anybody runs it: from another directory; afterwards nothing is left of it."""

import re
import secrets
import socket
from pathlib import Path

from tests.program import MARK, environment, marked, run

EXAMPLES = Path(__file__).parents[2] / "examples"


async def test_the_demo_really_happens_and_leaves_nothing_behind(tmp_path: Path) -> None:
    mark = secrets.token_hex(8)
    here, temporary = tmp_path / "here", tmp_path / "tmp"
    here.mkdir()
    temporary.mkdir(mode=0o777)
    env = environment(TMPDIR=str(temporary), **{MARK: mark})
    done = await run("demo", "--examples", str(EXAMPLES), env=env, cwd=here, within=120)
    assert done.code == 0, done.out + done.err
    assert "All of it really happened" in done.out
    for words in (
        *("event order.created", "routed at revision", "decision fired", "context", "rules"),
        *("the shop was called", "completed through the API", "read back from NATS"),
    ):
        assert words in done.out
    assert "Warning" not in done.err, done.err

    assert marked(mark) == []
    assert list(here.iterdir()) == []
    assert list(temporary.iterdir()) == []
    for port in map(int, re.findall(r"127\.0\.0\.1:(\d+)", done.out)):
        with socket.socket() as trial:
            assert trial.connect_ex(("127.0.0.1", port)) != 0, f"port {port} still listens"


async def test_what_does_not_happen_is_a_failure(tmp_path: Path) -> None:
    """Without the examples that the story needs there is no story."""
    definitions = tmp_path / "definitions"
    definitions.mkdir()
    (definitions / "only.yaml").write_text(
        "id: only\ntrigger: {manual: }\nrules: [{id: r, tasks: [{id: t, human: {title: T}}]}]\n"
    )
    env = environment(TMPDIR=str(tmp_path))
    done = await run("demo", "--examples", str(definitions), env=env, within=120)
    assert done.code == 1
    assert "All of it really happened" not in done.out
    assert "did not happen" in done.out
