"""What the command line suggests for each remedy that an error of the library names."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from charlm.cli.options import option_name
from charlm.config import ModelConfig, TrainConfig
from charlm.errors import CharlmError

REMEDIES: dict[str, str] = {
    "after_training": "give the values after it, or use --with-history to forecast the last values of whole series",
    "byte_tokenizer": "a model trained with --tokenizer byte reads any bytes",
    "continue_no_valid": "leave --valid out, or train another model with -m NEWNAME",
    "continue_or_overwrite": (
        "train it further on its own text with --resume and a larger --minutes, replace it with --overwrite, or choose"
        " another --model"
    ),
    "continue_own_vocabulary": "leave --tokenizer-file out, or train another model with -m NEWNAME",
    "continue_plan": "give the plan of this model, or train another model with -m NEWNAME",
    "continue_same_text": "give that text, or train another model with -m NEWNAME",
    "continue_same_valid": "give that one with --valid, or train another model with -m NEWNAME",
    "continue_same_vocabulary": "leave --tokenizer-file out, or train another model with -m NEWNAME",
    "continue_setting": "leave {options} out, or train another model with -m NEWNAME",
    "create_folder": "create it, or choose another --output",
    "device_cpu": "try --device cpu",
    "fewer_processes": "start fewer processes with torchrun --nproc-per-node, or use --device cpu",
    "freeze_or_tie": "leave --freeze-embedding or --tie-weights out",
    "give_start": "name it with --from",
    "give_start_again": "give that one with --from",
    "give_vocabulary": "give it again with --tokenizer-file (a model keeps it in its tokenizer.json)",
    "larger_batch": "start fewer, or give a larger --batch-size",
    "learning_rate": "try --learning-rate {value:g}",
    "leave_out": "leave {options} out",
    "length": "use --length {least} or more",
    "line_mode": "if each line is a text of its own, use --sequence line",
    "load_learned_embedding": "choose --embedding learned, or leave --embedding-file out",
    "longer_corpus": "start fewer, or give a longer corpus",
    "make_room": "make room, then train again",
    "make_room_and_resume": "make room, then continue with --resume",
    "model_in_use": "wait for it, or choose another --model",
    "move_end_or_valid": "move text of the same kind to the end, or name validation text with --valid",
    "move_or_other_model": "move it, or choose another --model",
    "name_column": "name it: --{column}-column {name}",
    "name_model": "name one with --model: {names}",
    "name_task": "name the task: --task {first} or --task {second}",
    "name_valid": "name validation text of the same kind with --valid",
    "no_equals_sign": "write -m {name}, or --model={name}",
    "not_closed": "leave --closed out, or try another --tokenizer",
    "no_vocabulary": "leave --tokenizer-file out",
    "no_vocabulary_or_start": "leave --tokenizer-file or --from out",
    "no_search": "run pip install optuna",
    "no_server": "run pip install starlette uvicorn",
    "no_tensorboard": "run pip install tensorboard, or leave --tensorboard out",
    "other_folder": "choose another place with --model",
    "other_host": "choose another --host",
    "other_port": "choose another --port; 0 takes a free one",
    "other_model": "choose another --model",
    "other_name": "choose another name with --model",
    "other_output": "choose another --output",
    "other_tokenizer": "try another --vocab-size, --model-type, or --tokenizer",
    "other_valid": "give another text of the same kind with --valid, or leave --valid out",
    "other_study": "give the same options, or name another --study",
    "other_task": "use charlm {verb}",
    "other_vocabulary": "give another --tokenizer-file, or leave it out",
    "other_new_name": "choose another name",
    "overwrite": "replace it with --overwrite, or choose another --model",
    "overwrite_output": "replace it with --overwrite, or choose another --output",
    "resume_budget": "resume it first without {options}, then give {options} again",
    "resume_or_overwrite": "continue it with --resume, or start anew with --overwrite",
    "resume_first": "finish it first: run its command again with --resume",
    "resume_own_vocabulary": "leave --tokenizer-file out, or start anew with --overwrite",
    "resume_same_corpus": "put it back to continue, or start anew with --overwrite",
    "resume_same_vocabulary": "give that one with --tokenizer-file, or start anew with --overwrite",
    "resume_saved": "continue from the last save with --resume",
    "resume_stopped": "if the run was stopped, run its command again with --resume",
    "resume_setting": "leave {options} out, or start anew with --overwrite",
    "several_labels": "to learn several labels for each text, use --multi-label",
    "smaller_min_count": "use a smaller --min-count",
    "smaller_vocabulary": "a smaller --vocab-size spells them",
    "stream_mode": "train a model with --sequence stream",
    "stream_mode_or_valid": "use --sequence stream, or name validation text with --valid",
    "streams": "leave --streams out",
    "tie_dense_readout": "choose --readout dense, or leave --tie-weights out",
    "tie_learned_embedding": "choose --embedding learned, or leave --tie-weights out",
    "too_little_trial_time": "use --trial-minutes {minutes:g} or more, or a smaller network or text",
    "too_little_time": "use --minutes {minutes:g} or more, a smaller network or text, or --force",
    "train_again": "train again, or continue with --resume",
    "train_longer": "train it longer with --resume and a larger --minutes, or a network alone with --ngram none",
    "train_first": "train one first: charlm train corpus.txt",
    "wait_or_stop": "wait for it, or stop it",
    "unit_token": "use --unit token",
    "unit_word": "use --unit word",
    "unknown": "leave it out, or use --unknown unk or --unknown skip",
    "with_history": "to forecast the last values of whole series, use --with-history",
}


_NAMES = (*ModelConfig.__dataclass_fields__, *TrainConfig.__dataclass_fields__, "must_match", "trial_minutes")
_SETTINGS = re.compile(rf"(?<![\w'/.-])({'|'.join(name for name in _NAMES if '_' in name)})(?![\w'/.-])")


def sentence(error: CharlmError) -> str:
    """Return the message of an error and what to try, in the options of the command line.

    A setting that the message names, such as hidden_size, becomes its option. One whose name is a plain word becomes it
    only at the beginning, since it may mean the word elsewhere.
    """
    message = in_options(str(error))
    setting = str(error.fields.get("setting", ""))
    if setting and message.startswith(f"{setting} is "):
        message = option_name(setting) + message.removeprefix(setting)
    return advise(message, error.remedy, error.fields)


def in_options(message: str) -> str:
    """Return a message in which the settings, such as hidden_size, are their options."""
    return _SETTINGS.sub(lambda match: option_name(match[0]), message)


def advise(message: str, remedy: str, fields: Mapping[str, Any] = MappingProxyType({})) -> str:
    """Return a message with the words of a remedy. The field `settings` becomes `options`, such as --hidden-size."""
    if not remedy:
        return message
    options = " and ".join(map(option_name, fields.get("settings", ())))
    return f"{message}; {REMEDIES[remedy].format(**fields, options=options)}"
