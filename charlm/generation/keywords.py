"""Keywords of `LanguageModel.sample` and `stream` for type checkers. At run time, `generate` itself decides."""

from charlm.data.encoding import UnknownPolicy
from charlm.generation.ending import Unit
from charlm.keywords import SamplerKeywords


class StreamKeywords(SamplerKeywords, total=False):
    """Keywords of `generate`, except the number of samples."""

    length: int | None
    must_match: str | None
    unique: bool
    stop: str | None
    whole: Unit | None
    seed: int | None
    unknown: UnknownPolicy
    allow_unk: bool


class SampleKeywords(StreamKeywords, total=False):
    """Keywords of `generate`."""

    count: int
