"""Keywords of public functions, for type checkers. `docs/generate.py` writes this file; do not edit it.

At run time, the samplers and the configurations themselves decide.
"""

from typing import TypedDict


class SamplerKeywords(TypedDict, total=False):
    """Settings of the samplers in charlm/generation/samplers/."""

    repetition_penalty: float | None
    repetition_ngram: int | None
    no_repeat: int | None
    temperature: float | None
    top_k: int | None
    top_p: float | None
    min_p: float | None
    typical: float | None
    mirostat: float | None


class SettingKeywords(TypedDict, total=False):
    """Fields of ModelConfig and TrainConfig, except two that `train` also takes as objects."""

    task: str
    text_column: str | None
    label_column: str | None
    source_column: str | None
    target_column: str | None
    token_column: str | None
    tag_column: str | None
    time_column: str | None
    value_column: str | None
    multi_label: bool
    class_weights: str
    metric: str | None
    bidirectional: bool | None
    pooling: str | None
    features: str | None
    attention: bool | None
    horizon: int | None
    season: int | None
    scale: str | None
    density: str | None
    ngram: str
    ngram_guesses: bool
    shortlist: int | None
    vocab_size: int | None
    min_count: int | None
    closed: bool
    model_type: str
    vocabulary: str | None
    sequence: str
    embedding: str
    embedding_size: int | None
    cell: str
    activation: str | None
    hidden_size: int | None
    layers: int | None
    dropout: float | None
    residual: bool
    readout_layers: int
    readout: str
    tie_weights: bool
    ngram_size: float | None
    ngram_tokens: int | None
    ngram_blocks: int | None
    batch_size: int
    seq_len: int
    optimizer: str
    schedule: str
    learning_rate: float | None
    clip: float
    weight_decay: float | None
    minutes: float | None
    epochs: float | None
    steps: int | None
    valid_fraction: float
    seed: int
    device: str
    threads: int | None
    save_every: float
    sync_every: int
    precision: str
    embedding_file: str | None
    freeze_embedding: bool
    start_sha256: str | None
    freeze: bool
