"""What `apply` and `validate` say of sources and event types."""

import json
from pathlib import Path

from tests.unit.test_cli_commands import Shell, shell

__all__ = ["shell"]

PARTS = """\
kind: source
id: shop
webhook: {verify: {github: {secrets: ['env:A']}}, map: {id: headers.x, type: body.kind}}
---
kind: event_type
id: order
type: order.created
versions: [{type: object}]
"""


def test_what_was_applied_is_told(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "parts.yaml"
    file.write_text(PARTS)
    warning = f"{file}:3:61: webhook.map.id: `github` does not sign the header `x`"
    valid = shell.run("validate", str(file))
    assert valid.stdout == "valid: 1 source, 1 event type in 1 file\n"
    assert f"warning: {warning}" in valid.stderr
    listed = json.loads(shell.run("validate", str(file), "--json").stdout)
    assert (listed["sources"], listed["event_types"]) == (["shop"], ["order"])
    applied = shell.run("apply", str(file))
    assert applied.stdout == "created   source shop v1\ncreated   event type order v1\n"
    assert f"warning: {warning}" in applied.stderr


def test_what_the_server_refuses_has_its_place_in_the_file(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "parts.yaml"
    file.write_text(PARTS)
    shell.run("apply", str(file))
    file.write_text(PARTS.replace("[{type: object}]", "[{type: array}]"))
    refused = shell.run("apply", str(file), ok=False)
    assert f"{file}:8:12: versions[0]: version 1 was published and must stay" in refused.stderr
