"""What a model writes by itself, drawn after each validation from the same random numbers: one sees it mature."""

from charlm.errors import ModelError
from charlm.language_model import LanguageModel
from charlm.plan import TEMPERATURE

_COUNT, _LENGTH = 3, 200  # samples, and symbols of each at most


def draw_specimens(model: LanguageModel, seed: int) -> tuple[str, ...]:
    """Three samples from the empty prompt; none of a network whose outputs are not finite numbers."""
    try:
        drawn = model.sample(count=_COUNT, length=_LENGTH, temperature=TEMPERATURE, seed=seed)
    except ModelError:
        return ()
    return tuple(sample.text for sample in drawn)
