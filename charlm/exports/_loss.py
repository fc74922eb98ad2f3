"""What a file loses: the bits per token by which it predicts worse than the model, such as by rounded weights."""

import copy
import math
from typing import NamedTuple

import torch

from charlm.files.rounding import restored, rounded
from charlm.language_model import LanguageModel
from charlm.nn.network import Network
from charlm.nn.probability import log_softmax

_TOKENS = 4096  # of the model's own text, about
_ROWS = 32  # texts that are drawn next to each other


class Loss(NamedTuple):
    """Bits per token that are lost, on average, and the number of tokens of the text."""

    bits: float
    tokens: int

    def sentence(self, what: str) -> str:
        return f"{what} loses {self.bits:.5f} bits per token, over {self.tokens:,} tokens of the model's own text"


def bits_lost(model: LanguageModel, rounding: str) -> Loss:
    """Measure a rounding of the weights."""
    network = copy.deepcopy(model.network)
    network.load_state_dict(restored(rounded(network.state_dict(), rounding)))
    return bits_lost_by(model, network)


@torch.inference_mode()
def bits_lost_by(model: LanguageModel, network: Network) -> Loss:
    """Measure another network on text that the model writes itself, so that no corpus is needed.

    At each token it is the Kullback-Leibler divergence from the distribution of the model to that of the network: the
    bits that the network needs in addition to code text like the model's.
    """
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
