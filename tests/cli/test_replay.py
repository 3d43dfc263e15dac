"""`anju edge replay` tells a person what was asked wrongly, and when something was told."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.main import main
from cli.replay import when


def test_what_is_told_before_a_pass_is_said_to_begin_is_not_told_after_it() -> None:
    assert when(1.5) == "after 1.50 s"
    assert when(0.0) == "after 0.00 s"
    assert when(-0.08) == "0.08 s before it begins"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--truth", "none.json"], "none.json: can't be read: No such file or directory"),
        (["--checkpoint", "north-gate"], "can't be opened as a video"),
        ([], "say at which checkpoint"),
        (["--checkpoint", "nort-gate"], "no checkpoint 'nort-gate'"),
        (["--checkpoint", "north-gate", "--checkpoint", "east-lane"], "a clip is one camera's"),
        (["--checkpoint", "north-gate", "--config", "none.yaml"], "none.yaml can't be used"),
    ],
)
def test_what_is_asked_wrongly_is_told(
    arguments: list[str],
    words: str,
    models_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("ANJU_MODELS_DIR", str(models_dir))
    with pytest.raises(SystemExit) as ended:
        main(["edge", "replay", __file__, *arguments])
    assert ended.value.code in {1, 2}
    assert words in capsys.readouterr().err
