"""The stand-in for CuPy as fixtures, and the tests of an operation that run on it."""

import inspect

import pytest
from harness import fake_cupy

ORDERS = ("forward", "reversed", "shuffled")


@pytest.fixture(scope="class")
def shuffled():
    with fake_cupy.installed(checked=True, order="shuffled", seed=11) as stand_in:
        yield stand_in


@pytest.fixture(scope="class", params=ORDERS)
def in_order(request):
    with fake_cupy.installed(checked=True, order=request.param, seed=7) as stand_in:
        yield stand_in


def on_harness(tests):
    """Keep those tests of an operation that run a kernel."""
    for name, test in inspect.getmembers(tests, inspect.isfunction):
        runs = {"backend", "arrangement"} & set(inspect.signature(test).parameters)
        if name.startswith("test_") and (not runs or "threads" in name):
            setattr(tests, name, None)
    return tests
