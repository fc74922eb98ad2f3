"""A network starts with the weights of a language model."""

import torch

from charlm.data.counterparts import counterparts
from charlm.language_model import LanguageModel
from charlm.model import Model
from charlm.nn.rows import Rows, TokenRows
from charlm.nn.trainable import Trainable
from charlm.tokenizers import Tokenizer


def start(network: Trainable, tokenizer: Tokenizer, model: Model) -> str:
    """Give a network the weights of a language model, and return in words what its tokens start as."""
    assert isinstance(model, LanguageModel)
    pairs = counterparts(model.tokenizer, tokenizer)
    allowed = model.network.allowed_tokens
    text = torch.arange(model.tokenizer.size) >= len(Tokenizer.CONTROL)
    inputs, outputs = torch.from_numpy(pairs.inputs), torch.from_numpy(pairs.outputs)
    outputs[~allowed[outputs.clamp(min=0)]] = -1  # the row of a token that could not occur was never trained
    network.start_from(model.network, TokenRows(Rows(inputs, text), Rows(outputs, text & allowed)))
    return str(pairs)
