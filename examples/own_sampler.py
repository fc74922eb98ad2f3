"""Draw text without one letter: a sampler of your own, on the network itself.

    python examples/own_sampler.py corpus.txt e

The network reads a token and a state, and returns the logits of the next token and the next state. Whatever changes the
logits before the draw is a sampler.
"""

import sys

import torch

import charlm


@torch.inference_mode()
def draw_without(model: charlm.LanguageModel, letter: str, length: int = 300, seed: int = 0) -> str:
    tokenizer, generator = model.tokenizer, torch.Generator().manual_seed(seed)
    texts = [tokenizer.token_text(index) or "" for index in range(tokenizer.size)]
    forbidden = torch.tensor([not text or letter in text.lower() for text in texts])
    logits, state = model.network(torch.tensor([[tokenizer.START]]))
    ids = []
    for _ in range(length):
        allowed = logits[0, 0].masked_fill(forbidden, -torch.inf)
        shares = torch.softmax(allowed / 0.8, dim=0)
        ids.append(int(torch.multinomial(shares, 1, generator=generator)))
        logits, state = model.network(torch.tensor([[ids[-1]]]), state)
    return tokenizer.decode(ids)


def main(corpus: str, letter: str) -> None:
    model = charlm.train(corpus, minutes=1, sequence="stream")
    print(draw_without(model, letter))


if __name__ == "__main__":
    main(*sys.argv[1:])
