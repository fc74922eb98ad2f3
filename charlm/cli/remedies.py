"""What the command line suggests for each remedy that an error of the library names."""

from charlm.errors import CharlmError

REMEDIES: dict[str, str] = {
    "load_learned_embedding": "choose --embedding learned, or leave --embedding-file out",
    "model_in_use": "wait for it, or choose another --model",
    "other_folder": "choose another place with --model",
    "resume_saved": "go on from the last save with --resume",
    "streams": "leave --streams out",
    "unit_token": "use --unit token",
    "unit_word": "use --unit word",
    "tie_dense_readout": "choose --readout dense, or leave --tie-weights out",
    "tie_learned_embedding": "choose --embedding learned, or leave --tie-weights out",
}


def sentence(error: CharlmError) -> str:
    """Return the message of an error and what to try, in the options of the command line."""
    if not error.remedy:
        return str(error)
    return f"{error}; {REMEDIES[error.remedy].format(**error.fields)}"
