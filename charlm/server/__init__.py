"""A server of models over HTTP: the completions interface that other programs speak, scores, and predictions.

`app` maps requests to answers, `guard` refuses what must not reach them, and `run` listens. The texts of all requests
are drawn in one thread, the `engine`, in one running batch for each model.
"""
