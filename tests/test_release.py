"""Files about a release that must agree with each other."""

import re
from pathlib import Path

import charlm

ROOT = Path(__file__).parents[1]


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_changelog_and_citation_name_the_version() -> None:
    releases = re.findall(r"^## (\d\S*)", read("CHANGELOG.md"), flags=re.MULTILINE)
    assert releases[0] == charlm.__version__
    assert re.findall(r"^version: (.*)$", read("CITATION.cff"), flags=re.MULTILINE) == [charlm.__version__]


def test_changelog_sorts_changes_by_kind() -> None:
    kinds = set(re.findall(r"^### (.*)$", read("CHANGELOG.md"), flags=re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_contributing_is_short_and_its_links_and_targets_exist() -> None:
    text = read("CONTRIBUTING.md")
    assert len(text.splitlines()) <= 90
    targets = re.findall(r"`make ([a-z-]+)`", text)
    assert targets and not [target for target in targets if f"\n{target}:" not in read("Makefile")]
    links = re.findall(r"\]\(([^)]+)\)", text)
    folders = re.findall(r"`((?:charlm|tests)/[\w/]+)/(?:NAME\.py)?`", text)
    assert links and folders and not [name for name in [*links, *folders] if not (ROOT / name).exists()]


def test_workflows_run_make_targets_that_exist() -> None:
    workflows = "".join(path.read_text(encoding="utf-8") for path in (ROOT / ".github/workflows").glob("*.yml"))
    targets = re.findall(r"run: make ([a-z-]+)", workflows)
    assert targets and not [target for target in targets if f"\n{target}:" not in read("Makefile")]
