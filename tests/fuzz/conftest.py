"""The dice of the fuzzing tests."""

import os

import pytest

from fuzz.mutation import Mutation


@pytest.fixture
def mutation(request):
    """A seed of its own for each test; ``SEED=n`` gives others."""
    return Mutation(f"{os.environ.get('SEED', '1')} {request.node.name}")
