"""A search for settings: many short trainings, whose settings are chosen by the results of the earlier ones.

`space.py` says which settings are varied, and in which ranges. `study.py` keeps the trials in a database, through
Optuna (Akiba et al. 2019). `trial.py` trains once, and stops if the validation curve is worse than that of other
trials. `run.py` goes on until the budget is used. `history.py` describes the trials, without Optuna.
"""
