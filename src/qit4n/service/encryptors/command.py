"""Programs of the system that drivers run."""

import asyncio
import os

from qit4n.errors import RotationError

LIMIT_S = 10.0
SECRET_CHARACTERS = 16  # a word of at least so many could be a key


async def run(*words: str, given: bytes = b"") -> str:
    """What a program prints; ``given`` is its standard input, 64 KiB at most: secrets go there, never into arguments.

    Raises:
        RotationError: it is not there, fails, or takes too long; the text has its own words.
    """
    pipe = asyncio.subprocess.PIPE
    reading, writing = os.pipe()  # not one of the loop's, which may be a socket: that cannot be opened as /dev/stdin
    try:
        os.write(writing, given)
        os.close(writing)
        process = await asyncio.create_subprocess_exec(*words, stdin=reading, stdout=pipe, stderr=pipe)
    except OSError as error:
        raise RotationError(f"{words[0]} cannot be run ({error.strerror}); is it installed?") from error
    finally:
        os.close(reading)
    try:
        async with asyncio.timeout(LIMIT_S):
            printed, complained = await process.communicate()
    except TimeoutError as error:
        process.kill()
        await process.wait()
        raise RotationError(f"{' '.join(words)} did not end within {LIMIT_S:g} s") from error
    if process.returncode:
        reason = _without(given, complained.decode(errors="replace").strip())
        raise RotationError(f"{' '.join(words)}: {reason or process.returncode}")
    return printed.decode(errors="replace")


def _without(given: bytes, text: str) -> str:
    """What a program complains, without the words that it was given: some quote the line that they do not like."""
    for word in given.decode(errors="replace").split():
        if len(word) >= SECRET_CHARACTERS:
            text = text.replace(word, "...")
    return text
