"""A server with models of lines, of a running text, of pieces of words, of lines with counts, and a classifier."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from serving import Address, serving

import charlm

TESTS = Path(__file__).parents[1]
FILMS = TESTS.parent / "corpora" / "films.txt"


@pytest.fixture(scope="session")
def served_lines(line_folder: Path) -> charlm.LanguageModel:
    return charlm.load(line_folder)


@pytest.fixture(scope="session")
def served_stream(stream_folder: Path) -> charlm.LanguageModel:
    return charlm.load(stream_folder)


@pytest.fixture(scope="session")
def served_counted(counted_folder: Path) -> charlm.LanguageModel:
    """Counts of n-grams share its predictions."""
    return charlm.load(counted_folder)


@pytest.fixture(scope="session")
def served_pieces() -> charlm.LanguageModel:
    """Its tokens are pieces of words, so that a prompt may end inside a token."""
    return charlm.load(TESTS / "fixtures" / "models" / "stream-subword")


@pytest.fixture(scope="session")
def served_films(tmp_path_factory: pytest.TempPathFactory) -> charlm.Classifier:
    folder = tmp_path_factory.mktemp("films")
    films = Path(shutil.copy(FILMS, folder))
    charlm.train(films, steps=20, folder=folder / "films", hidden_size=8, layers=1, tokenizer="word", threads=1)
    model = charlm.load(folder / "films")
    assert isinstance(model, charlm.Classifier)
    return model


@pytest.fixture(scope="session")
def server(
    served_lines: charlm.LanguageModel,
    served_stream: charlm.LanguageModel,
    served_pieces: charlm.LanguageModel,
    served_counted: charlm.LanguageModel,
    served_films: charlm.Classifier,
) -> Iterator[Address]:
    pytest.importorskip("starlette", reason="the extra `serve` is not installed")
    pytest.importorskip("uvicorn", reason="the extra `serve` is not installed")
    with serving([served_lines, served_stream, served_pieces, served_counted, served_films]) as address:
        yield address
