"""Documentation that is wrong fails here: links, commands, options, both languages of the README."""

from __future__ import annotations

import importlib.util
import re
import subprocess
from functools import cache
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/*.md")])
LINK = re.compile(r"\]\((?!https?://|#|mailto:)([^)#]+)(?:#[^)]*)?\)")
FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```", re.MULTILINE | re.DOTALL)
SHELL = frozenset({"", "sh", "bash", "shell"})
INLINE = re.compile(r"`((?:anju|make|python -m) [^`]+)`")
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]+")
WORD = re.compile(r"[a-z][a-z-]*")


def commands(start: str) -> list[tuple[str, str]]:
    """(page, command line) of every command in the documentation that begins with ``start``."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        blocks = [found["text"] for found in FENCE.finditer(text) if found["language"] in SHELL]
        lines = [line.strip() for block in blocks for line in block.splitlines()]
        lines += [*INLINE.findall(text)]
        found += [(page.name, line.split("#")[0].strip()) for line in lines if line.startswith(start)]
    return found


@cache
def help_of(*subcommands: str) -> str | None:
    """What ``anju SUBCOMMANDS --help`` says; None when there is no such command."""
    wide = {"COLUMNS": "300", "NO_COLOR": "1"}
    done = CliRunner().invoke(app, [*subcommands, "--help"], prog_name="anju", env=wide)
    return done.stdout if done.exit_code == 0 else None


def subcommands_of(line: str) -> list[str]:
    """The leading plain words after ``anju`` that name a command or a group."""
    known: list[str] = []
    for word in line.split()[1:]:
        first = word.split("|")[0]
        if not WORD.fullmatch(first) or help_of(*known, first) is None:
            break
        known.append(first)
        if "Commands" not in (help_of(*known) or ""):
            break
    return known


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    targets = LINK.findall(page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_into_a_page_name_one_of_its_headings(page: Path) -> None:
    def slug(heading: str) -> str:
        return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")

    for target, anchor in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", page.read_text(encoding="utf-8")):
        text = (page.parent / target).read_text(encoding="utf-8") if target else page.read_text(encoding="utf-8")
        assert anchor in {slug(one) for one in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}, target


def test_commands_exist_with_the_options_that_are_shown() -> None:
    shown = {line: page for page, line in commands("anju ")}
    assert len(shown) >= 10
    wrong = []
    for line, page in shown.items():
        if line.split()[1].startswith("-"):
            continue
        names = subcommands_of(line)
        said = help_of(*names) if names else None
        if said is None or any(option not in said for option in OPTION.findall(line)):
            wrong.append((page, line))
    assert wrong == []


def test_commands_that_messages_advise_exist() -> None:
    sources = [
        path for one in ("api", "cli", "core", "edge", "models", "watchlists") for path in ROOT.glob(f"{one}/**/*.py")
    ]
    text = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    advised = set(re.findall(r"'(anju [a-z][a-z -]*)", text))
    assert len(advised) >= 5
    assert [line for line in sorted(advised) if subcommands_of(line) != line.split(" -")[0].split()[1:]] == []


def test_make_targets_that_are_shown_exist() -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    shown = {line.split()[1] for _, line in commands("make ")}
    assert {"demo", "test"} <= shown <= targets


def test_python_modules_that_are_shown_exist() -> None:
    shown = {line.split()[2] for _, line in commands("python -m ") if "<" not in line and "." in line.split()[2]}
    assert [name for name in shown if importlib.util.find_spec(name) is None] == []


def test_both_readmes_have_the_same_shape() -> None:
    english, chinese = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.zh-CN.md"))
    for pattern in (r"^## ", r"^\|", r"^```", r"^- \*\*"):
        assert len(re.findall(pattern, english, re.MULTILINE)) == len(re.findall(pattern, chinese, re.MULTILINE))
    assert set(re.findall(r"make \w+[^\n#]*", english)) >= set(re.findall(r"^make \w+[^\n#]*", chinese, re.MULTILINE))
    assert "docs/consent.zh-CN.md" in LINK.findall(chinese)
    links = [{link.replace(".zh-CN.md", ".md") for link in LINK.findall(text)} for text in (english, chinese)]
    assert links[0] == links[1]


@pytest.mark.parametrize(
    ("page", "section", "video"),
    [
        ("README.md", "The rule about faces", "docs/video.md"),
        ("README.zh-CN.md", "关于人脸的规则", "docs/video.zh-CN.md"),
        ("docs/consent.md", "# Consent", "video.md"),
        ("docs/consent.zh-CN.md", "# 同意", "video.zh-CN.md"),
    ],
)
def test_where_consent_is_promised_the_video_that_is_kept_without_it_is_told_of(
    page: str, section: str, video: str
) -> None:
    parts = (ROOT / page).read_text(encoding="utf-8").split("\n## ")
    (told,) = (part for part in parts if part.startswith(section))
    assert video in LINK.findall(told)


def test_nothing_tracked_names_an_absolute_place_of_one_machine() -> None:
    listed = subprocess.run(["git", "ls-files"], capture_output=True, text=True, check=True, cwd=ROOT).stdout.split()
    texts = [ROOT / name for name in listed if Path(name).suffix in {".py", ".md", ".toml", ".yaml", ".sh", ".json"}]
    home = re.compile(r"(?<![\w.])/(?:root|home/\w+)/")
    assert [path.name for path in texts if path.exists() and home.search(path.read_text(encoding="utf-8"))] == []
