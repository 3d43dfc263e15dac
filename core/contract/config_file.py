"""The estate's YAML file: read within limits, checked as a whole, every complaint with its place and line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from core.contract.config import EstateConfig, Login
from core.contract.config_complaints import Place, explain, shown_place
from core.contract.config_references import reference_problems

MAX_CONFIG_BYTES = 1_000_000
MAX_DEPTH = 20
MAX_PASSWORD_BYTES = 4096

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DOCUMENT: Place = ()


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to change: ``path`` as in ``checkpoints[2].camera``, ``line`` from 1 where there is one."""

    path: str
    line: int | None
    message: str

    def __str__(self) -> str:
        place = f"{self.path}: " if self.path else ""
        return f"{place}{self.message}" + (f" (line {self.line})" if self.line else "")


class ConfigError(ValueError):
    """The configuration can't be used; ``problems`` says everything that is wrong with it, at least one thing."""

    def __init__(self, file: Path, problems: Sequence[Problem]) -> None:
        self.file = file
        self.problems = tuple(problems)
        lines = "".join(f"\n  {problem}" for problem in self.problems)
        super().__init__(f"{file} can't be used:{lines}")


@dataclass(frozen=True, slots=True)
class LoadedConfig:
    """A checked configuration and where it lies. ``state_dir`` is absolute; it may not exist yet."""

    config: EstateConfig
    path: Path
    state_dir: Path

    def prepare_state_dir(self) -> Path:
        """Create ``state_dir`` for its owner alone (0700) where it is missing. Raises ConfigError when it can't be."""
        try:
            self.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            problem = Problem("state_dir", None, f"{self.state_dir} can't be created: {error.strerror}")
            raise ConfigError(self.path, [problem]) from error
        return self.state_dir

    def file(self, named: Path) -> Path:
        """A file the configuration names, relative to ``state_dir``."""
        return self.state_dir / named

    def password(self, login: Login) -> str:
        """The password of a broker account. Raises ConfigError where its file is missing, empty or no text."""
        return self.secret(login.password_file, f"password of broker user {login.user!r}")

    def secret(self, named: Path, purpose: str) -> str:
        """First line of a secret file, at most 4 KB. Raises ConfigError where it is missing, empty or no text."""
        path = self.file(named)
        try:
            with path.open("rb") as file:
                text = file.read(MAX_PASSWORD_BYTES).decode().partition("\n")[0].strip()
        except OSError as error:
            message = f"{path}: {error.strerror}; write it there, readable by its owner alone"
            raise ConfigError(self.path, [Problem(purpose, None, message)]) from error
        except UnicodeDecodeError as error:
            raise ConfigError(self.path, [Problem(purpose, None, f"{path} is no UTF-8 text")]) from error
        if not text:
            raise ConfigError(self.path, [Problem(purpose, None, f"{path} is empty")])
        return text


def load_config(path: Path) -> LoadedConfig:
    """Read and check the estate's file. Raises ConfigError with everything that is wrong."""
    text = _read(path)
    node, lines, doubles = _compose(path, text)
    if doubles:
        raise ConfigError(path, doubles)
    content = _construct(path, node)
    if unusable := _with_zero_characters(content, ()):
        raise ConfigError(path, [_problem(place, "holds a zero character", lines) for place in unusable])
    try:
        config = EstateConfig.model_validate(content)
    except ValidationError as error:
        found = [explain(one, content) for one in error.errors(include_url=False)]
        raise ConfigError(path, [_problem(place, message, lines) for place, message in found]) from None
    if broken := reference_problems(config):
        raise ConfigError(path, [_problem(place, message, lines) for place, message in broken])
    absolute = path.resolve()
    return LoadedConfig(config, absolute, (absolute.parent / config.state_dir).resolve())


def config_schema() -> str:
    """JSON Schema of the file, for editors: what ``docs/config.schema.json`` holds."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **EstateConfig.model_json_schema()}
    return json.dumps(schema, ensure_ascii=False, indent=2) + "\n"


def _problem(place: Place, message: str, lines: dict[Place, int]) -> Problem:
    """With the line of the offending key, or of the nearest thing around it."""
    known = next((place[:depth] for depth in range(len(place), -1, -1) if place[:depth] in lines), _DOCUMENT)
    return Problem(shown_place(place), lines.get(known), message)


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_CONFIG_BYTES + 1)
    except OSError as error:
        message = f"{error.strerror}; configs/estate.example.yaml is one to start from"
        raise ConfigError(path, [Problem("", None, message)]) from error
    if len(content) > MAX_CONFIG_BYTES:
        raise ConfigError(path, [Problem("", None, f"larger than {MAX_CONFIG_BYTES} bytes: is this the right file?")])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ConfigError(path, [Problem("", line, "not UTF-8 text: save it as UTF-8")]) from None


def _compose(path: Path, text: str) -> tuple[yaml.Node, dict[Place, int], list[Problem]]:
    """The document's nodes, the line of each place in it, and keys that stand twice."""
    try:
        _refuse_tricks(path, text)
        node = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        message = f"no YAML: {error.problem or error.context}"
        raise ConfigError(path, [Problem("", mark.line + 1 if mark else None, message)]) from None
    except yaml.YAMLError as error:
        reason = getattr(error, "reason", "it can't be read")
        raise ConfigError(path, [Problem("", None, f"no YAML: {reason}")]) from None
    if not isinstance(node, yaml.MappingNode):
        line = None if node is None else node.start_mark.line + 1
        raise ConfigError(path, [Problem("", line, "no settings in it: the file starts with 'estate:'")])
    lines: dict[Place, int] = {}
    doubles: list[Problem] = []
    _walk(node, _DOCUMENT, lines, doubles)
    return node, lines, doubles


def _refuse_tricks(path: Path, text: str) -> None:
    """No aliases (a few lines of them fill the memory) and no depth that no setting has."""
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, yaml.AliasEvent):
            message = "anchors and aliases (&, *) are not read: write the value out"
            raise ConfigError(path, [Problem("", _line(event), message)])
        if isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            depth += 1
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            depth -= 1
        if depth > MAX_DEPTH:
            message = f"nested deeper than {MAX_DEPTH} levels: no setting is"
            raise ConfigError(path, [Problem("", _line(event), message)])


def _line(event: yaml.Event) -> int | None:
    return None if event.start_mark is None else event.start_mark.line + 1


def _walk(node: yaml.Node, place: Place, lines: dict[Place, int], doubles: list[Problem]) -> None:
    lines.setdefault(place, node.start_mark.line + 1)
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _walk(item, (*place, index), lines, doubles)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*place, str(key.value))
            line = key.start_mark.line + 1
            if here in lines:
                doubles.append(Problem(shown_place(here), line, f"stands twice, first in line {lines[here]}"))
            lines.setdefault(here, line)
            _walk(value, here, lines, doubles)


def _construct(path: Path, node: yaml.Node) -> Any:
    """Plain values. A tag of Python's (``!!python/...``) or an impossible date is a complaint, never an object."""
    constructor = yaml.constructor.SafeConstructor()
    try:
        return constructor.construct_document(node)
    except yaml.constructor.ConstructorError as error:
        mark = error.problem_mark
        raise ConfigError(path, [Problem("", mark.line + 1 if mark else None, f"no value: {error.problem}")]) from None
    except ValueError as error:
        raise ConfigError(path, [Problem("", None, f"no value: {error}; put text in quotes")]) from None


def _with_zero_characters(content: object, place: Place) -> list[Place]:
    """Where a text holds a zero character, which no file name, address or database can."""
    inner: list[tuple[str | int, object]] = []
    if isinstance(content, dict):
        inner = [(str(key), value) for key, value in content.items()]
    elif isinstance(content, list):
        inner = list(enumerate(content))
    elif isinstance(content, str) and "\0" in content:
        return [place]
    return [found for step, value in inner for found in _with_zero_characters(value, (*place, step))]
