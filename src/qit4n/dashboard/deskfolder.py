"""The tables of the coordination desk that the pages show: those of the network file's folder, or the shipped ones."""

from pathlib import Path

from qit4n.coordination.reading import load
from qit4n.coordination.tables import Desk
from qit4n.errors import StandardsDataError


class DeskFolder:
    """Reads a folder again when a file of it has changed.

    While the folder is damaged the tables are those that were read last, or the shipped ones; ``problem`` says so.
    """

    def __init__(self, folder: str | None) -> None:
        """Read nothing yet; None: the shipped tables."""
        self.path = Path(folder) if folder else None
        self.problem = ""
        self._desk: Desk | None = None
        self._stamp: object = None

    def read(self) -> Desk:
        """The tables as they are now."""
        stamp = self._stamps()
        if self._desk is None or stamp != self._stamp:
            self._stamp = stamp
            try:
                self._desk, self.problem = load(self.path), ""
            except StandardsDataError as error:
                instead = "the tables read before" if self._desk else "the shipped tables"
                self.problem = f"{error}; shown instead: {instead}"
        return self._desk or load()

    def _stamps(self) -> object:
        """When each file of the folder was written, and how long it is."""
        if self.path is None:
            return None
        try:
            found = [(file.name, file.stat()) for file in self.path.iterdir()]
        except OSError:  # loading tells
            return None
        return sorted((name, one.st_mtime_ns, one.st_size) for name, one in found)
