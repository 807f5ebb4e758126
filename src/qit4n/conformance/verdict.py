"""How a check says that the KME deviates, or that it cannot be done."""


class DeviationError(Exception):
    """The KME does something else than the check's sentence says; the text says what was seen, never a key."""


class SkipError(Exception):
    """The check cannot be done here; the text says why."""


def expect(condition: object, otherwise: str) -> None:
    """Deviate unless ``condition``.

    Raises:
        DeviationError: with the text ``otherwise``.
    """
    if not condition:
        raise DeviationError(otherwise)
