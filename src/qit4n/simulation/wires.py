"""The simulated network between key managers: one connection per direction, as ``node/peers.py`` keeps them.

A connection delivers in order and once, as TCP and TLS do. When it breaks, what was under way arrives up to some
point and is lost from there; its sender learns of it later, and what it sends meanwhile is lost too. What is said
while there is no connection waits for the next one. What is left of a broken connection may arrive after the
first messages of the next one.
"""

from qit4n.refpoints import kx
from qit4n.simulation.surroundings import Surroundings

RETRY_S = 0.2
DELAY_S = 0.01
NOTICED_S = 0.5


class Connection:
    """One connection; messages with a number from ``cut`` on never arrive."""

    __slots__ = ("arrived", "broken", "cut", "generation", "last_arrival", "sent")

    def __init__(self, generation: int) -> None:
        """A connection that the process ``generation`` of the destination has accepted."""
        self.generation = generation
        self.sent = 0
        self.arrived = 0
        self.cut = 1 << 62
        self.broken = False
        self.last_arrival = 0.0


class Way:
    """The way from one site to another."""

    def __init__(self, world: Surroundings, source: str, destination: str) -> None:
        """Without a connection yet."""
        self._world = world
        self.source = source
        self.destination = destination
        self.connection: Connection | None = None
        self.delay_s = DELAY_S
        self.blocked_until = 0.0
        self.stalled_until = 0.0
        self._waiting: list[kx.KxMessage] = []
        self._attempt = 0

    @property
    def is_open(self) -> bool:
        """Whether the source believes that it has a connection."""
        return self.connection is not None

    def connect(self) -> None:
        """The source's process has started, or has noticed that its connection is gone."""
        self._attempt += 1
        self._world.after(RETRY_S * self._world.dice.random(), self._try, self._attempt)

    def _try(self, attempt: int) -> None:
        world, destination = self._world, self._world.sites[self.destination]
        if attempt != self._attempt or not world.sites[self.source].up or self.connection is not None:
            return
        if not destination.up or world.now < max(self.blocked_until, self.stalled_until):
            world.after(RETRY_S, self._try, attempt)
            return
        self.connection = Connection(destination.generation)
        waiting, self._waiting = self._waiting, []
        for message in waiting:
            self.send(message)
        world.sites[self.source].connected(self.destination)

    def send(self, message: kx.KxMessage) -> None:
        """Send on the connection, or keep the message for the next one."""
        connection, world = self.connection, self._world
        if connection is None:
            self._waiting.append(message)
            return
        number, connection.sent = connection.sent, connection.sent + 1
        if number >= connection.cut:
            return
        delay = self.delay_s * (0.5 + world.dice.random())
        connection.last_arrival = max(connection.last_arrival, self.stalled_until, world.now + delay)
        world.at(connection.last_arrival, self._arrive, connection, number, message)

    def _arrive(self, connection: Connection, number: int, message: kx.KxMessage) -> None:
        destination = self._world.sites[self.destination]
        if number < connection.cut and destination.up and destination.generation == connection.generation:
            connection.arrived = number + 1
            destination.receive(self.source, message)

    def cut(self) -> None:
        """Break the connection; part of what is under way still arrives."""
        connection, dice = self.connection, self._world.dice
        if connection is None or connection.broken:
            return
        connection.broken = True
        connection.cut = dice.randint(connection.arrived, connection.sent)
        self._world.after(NOTICED_S * dice.random(), self._noticed, connection)

    def _noticed(self, connection: Connection) -> None:
        if self.connection is connection:
            self.connection = None
            self._waiting.clear()
            self._world.sites[self.source].disconnected(self.destination)
            self.connect()

    def forget(self) -> None:
        """The source's process has ended."""
        if self.connection is not None:
            self.connection.cut = min(
                self.connection.cut, self._world.dice.randint(self.connection.arrived, self.connection.sent)
            )
        self.connection = None
        self._waiting.clear()
        self._attempt += 1
