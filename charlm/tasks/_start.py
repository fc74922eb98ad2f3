"""A network starts with the weights of a language model."""

import copy

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
    device, source = network.device, model.network
    if source.device.type != "cpu":
        source = copy.deepcopy(source).cpu()  # the rows are chosen there
    allowed = source.allowed_tokens
    text = torch.arange(model.tokenizer.size) >= len(Tokenizer.CONTROL)
    inputs, outputs = torch.from_numpy(pairs.inputs), torch.from_numpy(pairs.outputs)
    outputs[~allowed[outputs.clamp(min=0)]] = -1  # the row of a token that could not occur was never trained
    network.cpu().start_from(source, TokenRows(Rows(inputs, text), Rows(outputs, text & allowed)))
    network.to(device)
    return str(pairs)
