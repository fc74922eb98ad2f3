"""The names that `import charlm` offers, and that they are offered without importing torch."""

import inspect
import json
import re
import subprocess
import sys
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import get_type_hints

import pytest

import charlm

HEAVY = ("torch", "numpy", "safetensors", "charlm.data.download", "rich.live")


def fresh(code: str, folder: Path) -> object:
    """Return what a new interpreter prints as JSON."""
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, check=True, encoding="utf-8")
    return json.loads(done.stdout.splitlines()[-1])


def test_importing_charlm_does_not_import_torch(tmp_path: Path) -> None:
    code = "import json, sys, charlm, charlm.errors; print(json.dumps(sorted(sys.modules)))"
    assert not set(HEAVY) & set(fresh(code, tmp_path))


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["train", "--help"], ["sample", "-h"], ["corpus", "get", "--help"], ["--version"], ["nope"]],
)
def test_help_imports_neither_torch_nor_the_network(arguments: list[str], tmp_path: Path) -> None:
    code = f"""
import json, sys
from charlm import cli
try:
    cli.main({arguments!r})
except SystemExit:
    print(json.dumps(sorted(sys.modules)))
"""
    assert not set(HEAVY[:4]) & set(fresh(code, tmp_path))


def test_dir_lists_what_all_lists(tmp_path: Path) -> None:
    """What Tab shows before any name is used."""
    listed = fresh("import charlm, json; print(json.dumps(dir(charlm)))", tmp_path)
    assert {name for name in listed if not name.startswith("_")} == set(charlm.__all__) - {"__version__"}


def test_all_is_sorted_and_all_of_it_can_be_imported() -> None:
    assert charlm.__all__ == sorted(charlm.__all__)
    namespace: dict[str, object] = {}
    exec("from charlm import *", namespace)
    assert set(charlm.__all__) <= set(namespace)


def test_a_renamed_name_works_for_one_release_with_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(charlm._RENAMED, "OldScore", "Score")
    with pytest.warns(DeprecationWarning, match=r"charlm\.OldScore is deprecated; use charlm\.Score"):
        assert charlm.OldScore is charlm.Score
    assert "OldScore" not in dir(charlm)
    for old, new in charlm._RENAMED.items():
        assert new in charlm.__all__ and old not in charlm.__all__


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nothing_such"):
        _ = charlm.nothing_such


def test_an_error_that_was_renamed_has_its_old_name_for_one_release() -> None:
    with pytest.warns(DeprecationWarning, match="DistributedError"):
        from charlm.errors import PeerError
    assert PeerError is charlm.DistributedError  # type: ignore[comparison-overlap,unused-ignore]


def test_every_error_is_a_charlm_error_and_says_what_it_means() -> None:
    errors = [getattr(charlm, name) for name in charlm.__all__ if name.endswith("Error")]
    assert len(errors) > 5
    for error in errors:
        assert issubclass(error, charlm.CharlmError)
    assert len({error.__doc__ for error in errors}) == len(errors)


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("score", ["text", "eos"]),
        ("score_many", ["texts"]),
        ("evaluate", ["text", "window", "streams"]),
        ("next_token_probabilities", ["prompt", "unknown"]),
    ],
)
def test_methods_have_the_arguments_of_the_specification(method: str, expected: list[str]) -> None:
    found = inspect.signature(getattr(charlm.LanguageModel, method)).parameters
    assert [name for name in found if name in expected] == expected


@pytest.mark.parametrize("name", [name for name in charlm.__all__ if name != "__version__"])
def test_everything_public_is_typed_and_documented(name: str) -> None:
    item = getattr(charlm, name)
    assert inspect.getdoc(item)
    if is_dataclass(item):
        assert set(get_type_hints(item)) >= {field.name for field in fields(item)}
        explained = re.findall(r"^(\w+): ", inspect.getdoc(item) or "", flags=re.MULTILINE)
        assert explained == [field.name for field in fields(item)], "help() explains every field, in their order"
    elif inspect.isfunction(item):
        signature = inspect.signature(item)
        annotations = [each.annotation for each in signature.parameters.values()]
        assert inspect.Signature.empty not in [*annotations, signature.return_annotation]


def test_score_and_sample_have_the_fields_of_the_json(stream_model: charlm.LanguageModel) -> None:
    score, sample = stream_model.score("In"), stream_model.sample("In", length=2, seed=1)[0]
    assert {*vars(score)} >= {"text", "tokens", "logprobs", "logprob", "perplexity", "bits_per_char", "unknown", "eos"}
    fields_of_sample = ["prompt", "text", "tokens", "logprob", "stopped", "seed", "index", "taken_back", "unk_share"]
    assert list(vars(sample)) == fields_of_sample


def test_next_token_is_the_distribution_that_score_uses(line_model: charlm.LanguageModel) -> None:
    """P(x | "the ca") equals the probability that `score` gives to the last letter of "the ca" + x."""
    following = line_model.next_token_probabilities("the ca")
    assert sum(each.probability for each in following) == pytest.approx(1, abs=1e-6)
    for each in following[:5]:
        text = "the ca" + (each.text or "")
        last = line_model.score(text, eos=each.text is None).logprobs[-1]
        if each.text is not None or each.id == line_model.tokenizer.EOS:
            assert 2.718281828459045**last == pytest.approx(each.probability, rel=1e-5)


def test_renamed_methods_work_for_one_release_with_a_warning(line_model: charlm.LanguageModel) -> None:
    with pytest.warns(DeprecationWarning, match="use next_token_probabilities"):
        assert line_model.next_token("the") == line_model.next_token_probabilities("the")
    read: list[int] = []
    with pytest.warns(DeprecationWarning, match="use adapted"):
        old = line_model.adapting("cache", told=read.append)
    assert old.score("the cat") == line_model.adapted("cache").score("the cat")
    assert sum(read) == len("the cat") + 1
    with pytest.warns(DeprecationWarning, match=r"charlm\.TokenProbability"):
        assert charlm.Next is charlm.TokenProbability
