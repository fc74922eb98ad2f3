"""Names that a person may have meant."""

import pytest

from charlm.wording import nearest

OPTIONS = ("temperature", "top-k", "stop", "length", "learning-rate", "batch-size", "hidden-size", "epochs", "beam")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("temp", "temperature"),
        ("hidden", "hidden-size"),
        ("lr", "learning-rate"),
        ("bs", "batch-size"),
        ("lenght", "length"),
        ("epoch", "epochs"),
        ("TOP_K", "top-k"),
    ],
)
def test_the_likeliest_name_comes_first(name: str, meant: str) -> None:
    assert nearest(name, OPTIONS)[0] == meant


@pytest.mark.parametrize("name", ["", "x", "nosuch", "z-order", "wd"])
def test_nothing_is_suggested_for_an_unrelated_name(name: str) -> None:
    assert nearest(name, OPTIONS) == []


def test_a_prefix_comes_before_a_similar_name_and_letters_may_be_swapped() -> None:
    assert nearest("embed", ["embeds-size", "embedding", "embe"], 3) == ["embedding", "embeds-size", "embe"]
    assert nearest("gur", ["lstm", "gru"]) == ["gru"]
    assert nearest("LSTM", ["lstm", "mlstm"], 1) == ["lstm"]
