"""Options of `charlm train` generated from the fields of the configurations."""

from collections.abc import Callable
from dataclasses import fields

from conftest import Outcome

from charlm.cli.config_options import TOKENIZER_OPTIONS, TRAIN_OPTIONS, with_options
from charlm.cli.options import option_name
from charlm.config import ModelConfig, TrainConfig
from charlm.task_settings import TaskSettings
from charlm.tasks import declared

Run = Callable[..., Outcome]
# The hashes of a given vocabulary and of the model that a run starts from, and choices of the plan.
WITHOUT_OPTION = {"vocabulary", "start_sha256", "weight_decay", "precision", "shortlist"}
WITHOUT_OPTION |= {"ngram_tokens", "ngram_blocks"}


def test_every_field_has_an_option_or_is_known_to_have_none() -> None:
    """A new field of a configuration is an option of `train` after one more line in `TRAIN_OPTIONS`."""
    names = {field.name for kind in (ModelConfig, TrainConfig) for field in fields(kind)}
    of_a_task = {"task", *(name for task in declared().values() for name in task["settings"])}
    assert set(TRAIN_OPTIONS) == names - WITHOUT_OPTION - (set(TaskSettings.unset()) - of_a_task)
    assert set(TOKENIZER_OPTIONS) < set(TRAIN_OPTIONS)


def test_the_help_shows_the_default_that_the_configuration_declares(run: Run) -> None:
    """As `[32]` after the text of the option; without spaces, since the lines break anywhere."""
    shown = "".join(run("train", "--help").out.split())
    for name, help in TRAIN_OPTIONS.items():
        default = getattr(ModelConfig if hasattr(ModelConfig, name) else TrainConfig, name, None)
        number = f"{default:g}" if isinstance(default, float) else default
        expected = help.default or ("" if default is None or default is False else f"{number}")
        assert option_name(name) in shown
        assert "".join(f"{help.text} {f'[{expected}]' if expected else ''}".split()) in shown


def test_only_given_options_change_a_configuration() -> None:
    changed = with_options(TrainConfig(seed=3, clip=2.0), {"seed": 4, "cell": "lstm"})
    assert changed == TrainConfig(seed=4, clip=2.0)
    assert with_options(ModelConfig(), {"seed": 4, "cell": "lstm"}) == ModelConfig(cell="lstm")
