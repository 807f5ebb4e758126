"""The compiled kernels (``src/cpp``): one extension module per instruction set, all with the same functions.

Each kernel has a NumPy twin that gives the same bits. Where no compiler was at hand at installation, the twins do
the work, and :func:`kernels` says so once. ``QIT4N_KERNELS`` names a level to be used instead of the best one.
"""

import importlib
import logging
import os
from functools import cache
from typing import Any

from qit4n.errors import QitError

log = logging.getLogger(__name__)

LEVELS = ("avx512", "avx2", "portable")
TWINS = "numpy"
VARIABLE = "QIT4N_KERNELS"
DEVICE = "QIT4N_DEVICE"


@cache
def levels() -> dict[str, Any]:
    """The extension modules that are installed and that this machine can run, best first."""
    found = {}
    try:
        portable = importlib.import_module("qit4n.kernels._portable")
    except ImportError:
        return {}
    for level in LEVELS:
        if portable.supported(level):
            found[level] = importlib.import_module(f"qit4n.kernels._{level}")
    return found


@cache
def kernels() -> Any | None:
    """The extension module to use; None for the NumPy twins.

    Raises:
        QitError: ``QIT4N_KERNELS`` names a level that there is not.
    """
    found, wanted = levels(), os.environ.get(VARIABLE)
    if wanted == TWINS:
        return None
    if wanted:
        if wanted not in found:
            raise QitError(f"{VARIABLE}={wanted}: this machine has {', '.join((*found, TWINS))}")
        return found[wanted]
    if not found:
        log.warning(
            "the compiled kernels are not installed (no C++ compiler at installation): the same bits are computed "
            "by NumPy, some hundred times slower; install a compiler, then qit4n again"
        )
        return None
    return next(iter(found.values()))


@cache
def device() -> Any | None:
    """The array module of a GPU that ``QIT4N_DEVICE`` names; None for none.

    Raises:
        QitError: it is not installed, or no such module is supported.
    """
    wanted = os.environ.get(DEVICE)
    if not wanted:
        return None
    if wanted != "cupy":
        raise QitError(f"{DEVICE}={wanted}: cupy is supported")
    try:
        return importlib.import_module("cupy")
    except ImportError as error:
        raise QitError(f"{DEVICE}=cupy: CuPy is not installed; install qit4n[gpu]") from error
