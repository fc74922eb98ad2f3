"""How long a search goes on: hand-worked sums of the time that trials have used."""

import math

import pytest

from charlm.config import TrainConfig
from charlm.errors import ConfigError
from charlm.search.budget import Budget
from charlm.search.history import Ending, History, Trial


def history(*trials: tuple[Ending, float]) -> History:
    """Trials with an ending and the seconds that each took."""
    made = [Trial(n, ending, {}, n == 0, 2.0 + n, "", seconds) for n, (ending, seconds) in enumerate(trials)]
    return History(made, "bits per character", {"minutes": 3.0})


def test_without_limits_a_search_takes_an_hour_and_a_trial_three_minutes() -> None:
    budget = Budget()
    assert (budget.minutes, budget.trials) == (60, None)
    assert budget.trial(TrainConfig(), None, None) == {"minutes": 3}
    assert Budget(trials=7).minutes is None


def test_the_time_of_a_trial_that_was_pruned_goes_back_to_the_budget() -> None:
    budget = Budget(minutes=9)
    three = history((Ending.COMPLETE, 180), (Ending.COMPLETE, 180), (Ending.COMPLETE, 180))
    assert not budget.allows(three, 180)
    pruned = history((Ending.COMPLETE, 180), (Ending.PRUNED, 60), (Ending.FAILED, 20), (Ending.STOPPED, 40))
    assert budget.seconds_left(pruned, 180) == 9 * 60 - 180 - 60 - 20 - 40
    assert budget.allows(pruned, 180)


def test_a_trial_that_runs_elsewhere_will_use_its_whole_time() -> None:
    budget = Budget(minutes=9)
    running = history((Ending.COMPLETE, 180), (Ending.RUNNING, 30))
    assert budget.seconds_left(running, 180) == 180
    assert budget.allows(running, 180)
    assert not budget.allows(history((Ending.COMPLETE, 180), (Ending.RUNNING, 0), (Ending.RUNNING, 0)), 180)


def test_a_trial_begins_if_nine_tenths_of_its_time_are_left() -> None:
    budget = Budget(minutes=6)
    assert budget.allows(history((Ending.COMPLETE, 197)), 180)
    assert not budget.allows(history((Ending.COMPLETE, 199)), 180)


def test_a_number_of_trials_counts_all_but_those_that_were_stopped_or_lost() -> None:
    four = history(*[(each, 1) for each in (Ending.COMPLETE, Ending.PRUNED, Ending.FAILED, Ending.RUNNING)])
    assert not Budget(trials=4).allows(four, 0)
    assert Budget(trials=4).seconds_left(four, 0) == math.inf
    three = history((Ending.COMPLETE, 1), (Ending.PRUNED, 1), (Ending.FAILED, 1), (Ending.STOPPED, 1), (Ending.LOST, 1))
    assert Budget(trials=4).allows(three, 0)


def test_the_time_of_a_trial_is_given_or_that_of_the_study_or_a_share() -> None:
    budget = Budget(minutes=40)
    assert budget.trial(TrainConfig(), 5, {"minutes": 1}) == {"minutes": 5}
    assert budget.trial(TrainConfig(), None, {"minutes": 1}) == {"minutes": 1}
    assert budget.trial(TrainConfig(), None, None) == {"minutes": 2}
    assert Budget(trials=3).trial(TrainConfig(), None, None) == {"minutes": TrainConfig.DEFAULT_MINUTES}
    assert budget.trial(TrainConfig(steps=100), None, None) == {"steps": 100}


@pytest.mark.parametrize(
    ("arguments", "minutes", "problem"),
    [
        ({"minutes": 1}, 2, "a trial of 2 minutes does not fit into a search of 1 minutes"),
        ({"minutes": 1}, 0, "trial_minutes is 0; it must be more than 0"),
    ],
)
def test_a_trial_that_does_not_fit_is_refused(arguments: dict[str, float], minutes: float, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        Budget(**arguments).trial(TrainConfig(), minutes, None)  # type: ignore[arg-type]


@pytest.mark.parametrize("arguments", [{"minutes": 0}, {"minutes": -1}, {"trials": 0}, {"trials": 1.5}])
def test_limits_out_of_range_are_refused(arguments: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=r"must be"):
        Budget(**arguments)  # type: ignore[arg-type]


def test_the_best_is_the_complete_trial_with_the_lowest_cost() -> None:
    """A pruned trial is never the best: its figure is of an unfinished training."""
    trials = [
        Trial(0, Ending.COMPLETE, {}, True, 2.0, "", 1.0),
        Trial(1, Ending.PRUNED, {}, False, 1.0, "", 1.0),
        Trial(2, Ending.COMPLETE, {}, False, 1.5, "", 1.0),
        Trial(3, Ending.COMPLETE, {}, False, 1.5, "", 1.0),
        Trial(4, Ending.FAILED, {}, False, math.nan, "", 1.0),
    ]
    done = History(trials, "bits per character", {"steps": 1})
    assert done.best is trials[2] and done.default is trials[0] and done.seconds == 5
    assert History([], "", {}).best is None
