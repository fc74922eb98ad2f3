"""What an error says in Python: keywords of Python, and what to try as a note."""

import pickle
import re
import traceback
from pathlib import Path

import pytest

import charlm
from charlm.advice import ADVICE, advice
from charlm.cli.remedies import REMEDIES

# What these remedies are for can happen on the command line only.
COMMAND_LINE = {"create_folder", "no_equals_sign", "no_tensorboard", "other_name", "other_new_name", "other_output"}
COMMAND_LINE |= {"no_search", "other_study", "too_little_trial_time"}
COMMAND_LINE |= {"no_server", "overwrite_output", "wait_or_stop"}
LIBRARY = [path for path in Path(charlm.__file__).parent.rglob("*.py") if "cli" not in path.parts]


def test_every_remedy_has_words_for_python() -> None:
    assert set(ADVICE) == set(REMEDIES) - COMMAND_LINE
    for words in ADVICE.values():
        assert re.fullmatch(r"[A-Z][^-]*[.]", words.replace("anew", "")), words


def test_what_to_try_is_printed_below_the_message(line_model: charlm.LanguageModel) -> None:
    with pytest.raises(charlm.UnknownCharacterError) as caught:
        line_model.sample("é")
    assert str(caught.value) == "the model does not know 'é' (U+00E9), character 1 of the text"
    printed = "".join(traceback.format_exception_only(caught.value)).splitlines()
    assert printed[-1] == 'Leave it out, or use unknown="unk" or unknown="skip".'


def test_the_words_contain_the_values_of_the_error() -> None:
    error = charlm.ConfigError("a vocabulary is used unchanged", remedy="leave_out", settings=["min_count", "closed"])
    assert error.__notes__ == ["Leave min_count and closed out."]
    assert advice("learning_rate", {"value": 0.001}) == "Try learning_rate=0.001."
    assert not hasattr(charlm.ConfigError("plain"), "__notes__")
    assert not hasattr(charlm.ConfigError("plain", remedy="other_output"), "__notes__")


def test_an_error_that_crosses_processes_keeps_its_note() -> None:
    error = pickle.loads(pickle.dumps(charlm.ModelExistsError("m already exists", remedy="overwrite")))
    assert (str(error), error.remedy) == ("m already exists", "overwrite")
    assert error.__notes__ == ["Replace it with overwrite=True, or choose another folder."]


@pytest.mark.parametrize("path", LIBRARY, ids=lambda path: path.stem)
def test_no_message_of_the_library_names_an_option(path: Path) -> None:
    """Options begin with two dashes; `checkpoint` builds a command that repeats a run."""
    source = path.read_text(encoding="utf-8")
    raised = re.findall(r"raise \w+\((?:[^()]|\([^()]*\))*\)", source)
    assert [each for each in raised if re.search(r"(?<!-)--[a-z]", each)] == []
