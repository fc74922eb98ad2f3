"""A search for settings: many short trainings, of which each learns from those before it.

`space.py` says which settings are varied, and in which ranges. `study.py` keeps the trials in a database, by Optuna
(Akiba et al. 2019). `trial.py` trains once, and stops if the validation curve is worse than that of other trials.
`run.py` goes on until the budget is used. `history.py` has what is known of the trials, without Optuna.
"""
