"""What to try in Python for each remedy that an error names. charlm/cli/remedies.py has the words of the command line.

An error has these words as a note, which Python prints below the message.
"""

from collections.abc import Mapping
from typing import Any

ADVICE: dict[str, str] = {
    "after_training": "Give the values after it, or use with_history=True.",
    "byte_tokenizer": 'A model trained with tokenizer="byte" reads any bytes.',
    "continue_no_valid": "Leave valid out, or train another model in another folder.",
    "continue_or_overwrite": (
        "Train it further on its own text with resume=True and a larger budget, replace it with overwrite=True, or"
        " choose another folder."
    ),
    "continue_own_vocabulary": "Leave tokenizer out, or train another model in another folder.",
    "continue_plan": "Give the plan of this model, or train another model in another folder.",
    "continue_same_text": "Give that text, or train another model in another folder.",
    "continue_same_valid": "Give that one as valid=, or train another model in another folder.",
    "continue_same_vocabulary": "Leave tokenizer out, or train another model in another folder.",
    "continue_setting": "Leave {settings} out, or train another model in another folder.",
    "device_cpu": 'Use device="cpu".',
    "fewer_processes": 'Start fewer processes with torchrun, or use device="cpu".',
    "freeze_or_tie": "Leave freeze_embedding or tie_weights out.",
    "give_start": "Give it as start_from=.",
    "give_start_again": "Give that one as start_from=.",
    "give_vocabulary": "Give it as tokenizer=; a model has it as its attribute tokenizer.",
    "larger_batch": "Start fewer, or give a larger batch_size.",
    "learning_rate": "Try learning_rate={value:g}.",
    "leave_out": "Leave {settings} out.",
    "length": "Use length={least} or more.",
    "line_mode": 'If each line is a text of its own, use sequence="line".',
    "load_learned_embedding": 'Use embedding="learned", or leave embedding_file out.',
    "longer_corpus": "Start fewer, or give a longer corpus.",
    "make_room": "Make room, then train again.",
    "make_room_and_resume": "Make room, then continue with resume=True.",
    "model_in_use": "Wait for it, or choose another folder.",
    "move_end_or_valid": "Move text of the same kind to the end, or give validation text as valid=.",
    "move_or_other_model": "Move it, or choose another folder.",
    "name_column": "Name it with {column}_column.",
    "name_model": "Name one: {names}.",
    "name_task": 'Use task="{first}" or task="{second}".',
    "name_valid": "Give validation text of the same kind as valid=.",
    "no_vocabulary": "Leave tokenizer out.",
    "no_vocabulary_or_start": "Leave tokenizer or start_from out.",
    "not_closed": "Leave closed out, or try another tokenizer.",
    "other_folder": "Choose another folder.",
    "other_host": "Choose another host.",
    "other_port": "Choose another port; 0 takes a free one.",
    "other_model": "Choose another folder.",
    "other_tokenizer": "Try another vocab_size, model_type, or tokenizer.",
    "other_valid": "Give another text of the same kind as valid=, or leave valid out.",
    "other_task": "Call its own methods, such as {verb}.",
    "other_vocabulary": "Give another vocabulary as tokenizer=, or leave tokenizer out.",
    "overwrite": "Replace it with overwrite=True, or choose another folder.",
    "resume_budget": "Resume it first without {settings}, then give {settings} again.",
    "resume_or_overwrite": "Continue it with resume=True, or start anew with overwrite=True.",
    "resume_first": "Finish it first, with resume=True.",
    "resume_own_vocabulary": "Leave tokenizer out, or start anew with overwrite=True.",
    "resume_same_corpus": "Put it back to continue, or start anew with overwrite=True.",
    "resume_same_vocabulary": "Give that one as tokenizer=, or start anew with overwrite=True.",
    "resume_saved": "Continue from the last save with resume=True.",
    "resume_stopped": "If the run was stopped, train again with resume=True.",
    "resume_setting": "Leave {settings} out, or start anew with overwrite=True.",
    "several_labels": "Use multi_label=True to learn several labels for each text.",
    "smaller_min_count": "Use a smaller min_count.",
    "smaller_vocabulary": "A smaller vocab_size spells them.",
    "stream_mode": 'Train a model with sequence="stream".',
    "stream_mode_or_valid": 'Use sequence="stream", or give validation text as valid=.',
    "streams": "Leave streams out.",
    "tie_dense_readout": 'Use readout="dense", or leave tie_weights out.',
    "tie_learned_embedding": 'Use embedding="learned", or leave tie_weights out.',
    "too_little_time": "Use minutes={minutes:g} or more, a smaller network or text, or force=True.",
    "train_again": "Train again, or continue with resume=True.",
    "train_longer": 'Train it longer with resume=True and a larger budget, or a network alone with ngram="none".',
    "train_first": 'Train one first: charlm.train("corpus.txt", folder="checkpoints/corpus").',
    "unit_token": 'Use unit="token".',
    "unit_word": 'Use unit="word".',
    "unknown": 'Leave it out, or use unknown="unk" or unknown="skip".',
    "with_history": "To forecast the last values of whole series, use with_history=True.",
}


def advice(remedy: str, fields: Mapping[str, Any]) -> str:
    """Return what to try, or an empty string for a remedy that exists on the command line only."""
    settings = " and ".join(map(str, fields.get("settings", ())))
    return ADVICE.get(remedy, "").format(**{**fields, "settings": settings})
