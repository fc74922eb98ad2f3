"""The choice of the next settings: a tree-structured Parzen estimator (Bergstra et al. 2011), seeded for each trial."""

from typing import Any

from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial

from charlm.randomness import bits

_AT_RANDOM = 5  # complete trials before the first choice that learns from them


class SeededSampler(BaseSampler):
    """Draws the settings of a trial from the seed, the number of the trial, and the earlier trials alone.

    So a stopped study continues as if it had not been stopped, and two processes do not draw the same settings.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._number, self._sampler = -1, TPESampler()

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return self._of(trial).infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return self._of(trial).sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        return self._of(trial).sample_independent(study, trial, param_name, param_distribution)

    def _of(self, trial: FrozenTrial) -> TPESampler:
        if trial.number != self._number:
            seed = int(bits(self._seed, trial.number)[0] >> 32)
            self._number, self._sampler = trial.number, TPESampler(seed=seed, n_startup_trials=_AT_RANDOM)
        return self._sampler
