"""The program of a model card, which reads a model with numpy alone."""

import inspect

from charlm import numpy_loader


def program(model: type[numpy_loader.Model]) -> str:
    """Return the Python of a class below the program that it needs; it does not import charlm."""
    return "\n\n\n".join(inspect.getsource(each).rstrip() for each in (numpy_loader, model))
