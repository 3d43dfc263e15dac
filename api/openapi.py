"""OpenAPI description of the JSON API: ``python -m api.openapi`` writes it, ``--check`` compares it (exit 1)."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from api.app import create_app

FILE = Path("docs/openapi.json")


def render() -> str:
    """Text of ``docs/openapi.json``."""
    return json.dumps(create_app().openapi(), ensure_ascii=False, indent=1) + "\n"


def main(arguments: list[str]) -> int:
    """Write the file, or with ``--check`` compare it. 0: done or equal; 1: they differ."""
    if "--check" not in arguments:
        FILE.write_text(render(), encoding="utf-8")
        return 0
    if FILE.is_file() and FILE.read_text(encoding="utf-8") == render():
        return 0
    sys.stderr.write(f"{FILE} differs from the code: run python -m api.openapi\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
