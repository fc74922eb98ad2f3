"""What a rounding of the weights costs: the bits per token by which the rounded model predicts worse."""

import copy
import math
from typing import NamedTuple

import torch

from charlm.files.rounding import restored, rounded
from charlm.language_model import LanguageModel
from charlm.nn.probability import log_softmax

_TOKENS = 4096  # of the model's own text, about
_ROWS = 32  # texts that are drawn next to each other


class Loss(NamedTuple):
    """Bits per token that are lost, on average, and the number of tokens of the text."""

    bits: float
    tokens: int

    def sentence(self, rounding: str) -> str:
        return f"{rounding} loses {self.bits:.5f} bits per token, over {self.tokens:,} tokens of the model's own text"


@torch.inference_mode()
def bits_lost(model: LanguageModel, rounding: str) -> Loss:
    """Measure a rounding on text that the model writes itself, so that no corpus is needed.

    At each token it is the Kullback-Leibler divergence from the distribution of the model to that of the rounded one:
    the bits that the rounded one needs in addition to code text like the model's.
    """
    network = copy.deepcopy(model.network)
    network.load_state_dict(restored(rounded(network.state_dict(), rounding)))
    total, tokens = 0.0, 0
    for seed in range(_ROWS):  # a text may end soon, such as a name
        for sample in model.sample(count=_ROWS, length=_TOKENS // _ROWS, seed=seed):
            column = model.network.column(model.tokenizer.sequence(model.tokenizer.encode(sample.text)))
            exact, near = (log_softmax(each(column)[0][:, 0].double()) for each in (model.network, network))
            total += float((exact.exp() * (exact - near)).nan_to_num(0.0).sum())  # 0 · (−∞ + ∞) is 0
            tokens += len(column)
        if tokens >= _TOKENS:
            break
    return Loss(total / math.log(2) / tokens, tokens)
