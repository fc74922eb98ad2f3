"""Many samples of a prompt, in groups that are drawn in parallel."""

import itertools
from collections.abc import Iterator, Sequence

from charlm.generation.distinct import distinct
from charlm.generation.ending import Ending
from charlm.generation.generate import Piece, Sample, generate, side_by_side
from charlm.generation.opening import Opening
from charlm.generation.samplers import Sampler
from charlm.nn.network import Network
from charlm.tokenizers import Tokenizer

_MAX_PARALLEL_SAMPLES = 1024
_MAX_LOGITS_PER_STEP = 2**24  # for all parallel samples together


def generate_samples(
    network: Network,
    tokenizer: Tokenizer,
    opening: Opening,
    filters: Sequence[Sampler],
    *,
    count: int,
    unique: bool,
    ending: Ending,
    seed: int,
) -> Iterator[Piece | Sample]:
    """Yield the pieces and the samples of `generate` for `count` samples, or for that many different ones."""

    def group(indices: range) -> Iterator[Piece | Sample]:
        return generate(network, tokenizer, opening, filters, indices=indices, ending=ending, seed=seed)

    most = max(1, min(_MAX_PARALLEL_SAMPLES, _MAX_LOGITS_PER_STEP // tokenizer.size))
    groups = map(group, side_by_side(count, most, endless=unique))
    return distinct(groups, count) if unique else itertools.chain.from_iterable(groups)
