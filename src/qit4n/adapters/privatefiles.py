"""Files that only their owner can read, replaced as a whole."""

import os
from pathlib import Path


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read: whole or not at all, durable on return."""
    if path.is_file() and path.read_bytes() == content:
        return
    put_in_place(write_beside(path, content), path)


def beside(path: Path) -> Path:
    """Where the next version of a file is written."""
    return path.with_name(path.name + ".new")


def write_beside(path: Path, content: bytes) -> Path:
    """Write the next version of a file, durable on return."""
    _make_private_directory(path.parent)
    fresh = beside(path)
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return fresh


def put_in_place(fresh: Path, path: Path) -> None:
    """Make the next version the present one, durable on return."""
    fresh.replace(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)  # the rename itself
    finally:
        os.close(directory)


def _make_private_directory(directory: Path) -> None:
    """``Path.mkdir(parents=True)`` would leave the parents open to others."""
    for one in (*reversed(directory.parents), directory):
        one.mkdir(mode=0o700, exist_ok=True)
