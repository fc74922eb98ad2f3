"""A corpus that was read, split and encoded for training a language model."""

import mmap
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from charlm.config import TextMode
from charlm.counts import Counts, CountSettings, TargetFigures
from charlm.data.corpus import Corpus
from charlm.data.split import Split
from charlm.data.windows import TokenRing
from charlm.files import word2vec
from charlm.tokenizers import Tokenizer


class CountedText(NamedTuple):
    """The counts of a training part, and what they say about each of its targets."""

    settings: CountSettings
    counts: Counts
    figures: TargetFigures
    mappings: tuple[mmap.mmap, ...] = ()  # the mapped files of the figures


@dataclass(frozen=True, kw_only=True)
class PreparedText:
    """A corpus as sequences of tokens: a part to train on, and a part to validate on."""

    corpus: Corpus
    mode: TextMode
    mode_reason: str  # why it is read in that mode, in words
    mode_doubt: str = ""  # the few lines that speak against that mode, in words
    split: Split
    tokenizer: Tokenizer
    ring: TokenRing
    counts: NDArray[np.int64]  # (V,): how often each token is a training target
    sha256: str  # of the training part and the held-out part
    held_out_unknown: int = 0  # characters of the held-out part that the tokenizer does not know
    valid_files: tuple[str, ...] = ()  # the files of a separate held-out text
    vectors: word2vec.Vectors | None = None  # the embedding's initial vectors
    counted: CountedText | None = None  # the counts beside the network

    @property
    def allowed_tokens(self) -> NDArray[np.bool_]:
        """(V,): whether the model may predict a token: every token with text, and the control tokens that occur."""
        possible: NDArray[np.bool_] = self.counts > 0
        possible[len(self.tokenizer.CONTROL) :] = True
        # A line ends with EOS, so no token that contains a line end can follow.
        return possible & ~self.tokenizer.line_ends() if self.mode == TextMode.LINE else possible

    @property
    def characters(self) -> int:
        """Characters of the corpus as it is read: in line mode, each line has one for its end, the last line too."""
        held_out = self.split.held_out and not self.valid_files
        return self.split.train.characters + (self.validation_size if held_out else 0)

    @property
    def characters_per_token(self) -> float:
        """Mean characters of a training target."""
        return self.split.characters(self.split.train) / len(self.ring.targets)

    @property
    def validation_size(self) -> int:
        """Number of characters that are held out."""
        return self.split.characters(self.split.valid)
