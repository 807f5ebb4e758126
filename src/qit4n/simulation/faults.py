"""What harms the network. Each run has some of these, chosen by the seed."""

from qit4n.simulation.byzantine import Byzantine, Tampering
from qit4n.simulation.disk import Copy
from qit4n.simulation.part import Part
from qit4n.simulation.site import SimulatedSite
from qit4n.simulation.wires import DELAY_S

COMMIT_MOMENTS = ("before", "torn", "after", "between")


class Fault(Part):
    """Something that goes wrong at times."""

    def pause(self) -> float:
        """How long it lasts once."""
        return self.dice.choice((0.05, 0.5, 2.0, 6.0)) * self.dice.random()


class Crash(Fault):
    """A process ends at any time and starts again a little later; sometimes all do, and start in any order."""

    interval_s = 3.0

    def step(self) -> None:
        """One crash, or all."""
        names = list(self.run.world.sites)
        struck = names if self.dice.random() < 0.1 else [self.dice.choice(names)]  # noqa: PLR2004
        for name in struck:
            site = self.run.world.sites[name]
            if site.up:
                site.crash()
                self.run.world.after(self.pause(), restart, self, name)


def restart(part: Part, name: str) -> None:
    """Start the process of a site, if it is down."""
    site = part.run.world.sites[name]
    if not site.up:
        part.note(name, "start")
        site.start()


class CrashInCommit(Fault):
    """A process ends at a durable step: before the commit, in the midst, after it, or between its actions."""

    interval_s = 2.5

    def step(self) -> None:
        """Arm one crash."""
        site = self.run.world.sites[self.any_site()]
        site.crash_at = (0, self.dice.choice(COMMIT_MOMENTS))
        self.run.world.after(0.5 + self.pause(), restart, self, site.id)

    def stop(self) -> None:
        """Disarm."""
        super().stop()
        for site in self.run.world.sites.values():
            site.crash_at = None


class Cut(Fault):
    """A connection breaks; what was under way is lost from some point on."""

    interval_s = 1.0

    def step(self) -> None:
        """Break one."""
        way = self.dice.choice(self.run.world.ways)
        self.note(way.source, "cut", "to", way.destination)
        way.cut()


class Partition(Fault):
    """Some sites cannot reach the others for a while: connections break, or stand still and go on."""

    interval_s = 4.0

    def step(self) -> None:
        """Part the sites in two."""
        world, until = self.run.world, self.run.world.now + self.pause()
        some = set(self.dice.sample(list(world.sites), self.dice.randint(1, len(world.sites) - 1)))
        broken = self.dice.random() < 0.5  # noqa: PLR2004
        self.note("-", "partition" if broken else "standstill", "".join(sorted(some)), f"until {until:.3f}")
        for way in world.ways:
            if (way.source in some) != (way.destination in some):
                way.stalled_until = until
                if broken:
                    way.blocked_until = until
                    way.cut()

    def stop(self) -> None:
        """All can reach all."""
        super().stop()
        for way in self.run.world.ways:
            way.stalled_until = way.blocked_until = 0.0


class Delay(Fault):
    """Some ways are slow."""

    interval_s = 2.0

    def step(self) -> None:
        """One way becomes slow or quick."""
        way = self.dice.choice(self.run.world.ways)
        way.delay_s = self.dice.choice((DELAY_S, 0.3, 2.0))
        self.note(way.source, "delay", "to", way.destination, f"{way.delay_s} s")

    def stop(self) -> None:
        """All ways are quick."""
        super().stop()
        for way in self.run.world.ways:
            way.delay_s = DELAY_S


class DiskFull(Fault):
    """The disk of a site takes nothing for a while."""

    interval_s = 4.0

    def step(self) -> None:
        """Fill one."""
        name = self.any_site()
        self.note(name, "disk full")
        self.run.world.sites[name].disk.full = True
        self.run.world.after(self.pause(), self._free, name)

    def _free(self, name: str) -> None:
        self.run.world.sites[name].disk.full = False

    def stop(self) -> None:
        """All disks have room."""
        super().stop()
        for site in self.run.world.sites.values():
            site.disk.full = False


class BitRot(Fault):
    """A record on a disk can no longer be read; it shows when the process starts again."""

    interval_s = 2.0

    def step(self) -> None:
        """One record at one site."""
        site = self.run.world.sites[self.any_site()]
        if site.disk.records:
            place = self.dice.choice(list(site.disk.records))
            site.disk.rotten.add(place)
            self.note(site.id, "bit rot", *place)


class ClockJump(Fault):
    """A clock jumps: ahead at any time (a machine that slept), either way at a start."""

    interval_s = 3.0

    def step(self) -> None:
        """One jump."""
        site = self.run.world.sites[self.any_site()]
        jump = self.dice.choice((0.5, 5.0, 70.0, 100_000.0))
        if site.up and self.dice.random() < 0.5:  # noqa: PLR2004
            site.clock_offset += jump
        else:
            site.crash()
            site.clock_offset += self.dice.choice((-jump, jump))
            self.run.world.after(self.pause(), restart, self, site.id)
        self.note(site.id, "clock jump", f"to {site.clock - self.run.world.now:+.0f} s")


class SilentController(Fault):
    """The controller is away for a while, and knows nothing when it is back."""

    interval_s = 5.0

    def step(self) -> None:
        """Away, or back."""
        self.run.silent_controller = not self.run.silent_controller
        self.note("-", "controller silent" if self.run.silent_controller else "controller back")

    def stop(self) -> None:
        """Back."""
        super().stop()
        self.run.silent_controller = False


class StaleController(Fault):
    """The controller says again what it said before."""

    def setup(self) -> None:
        """From the beginning."""
        self.run.stale_controller = True
        self.note("-", "controller stale")

    def stop(self) -> None:
        """Fresh tables again."""
        super().stop()
        self.run.stale_controller = False


class SplitControllers(Fault):
    """A second controller with a view of its own sends tables too."""

    interval_s = 5.0

    def step(self) -> None:
        """It comes, or goes."""
        self.run.split_controllers = not self.run.split_controllers
        self.note("-", "two controllers" if self.run.split_controllers else "one controller")

    def stop(self) -> None:
        """One again."""
        super().stop()
        self.run.split_controllers = False


class LostBlocks(Fault):
    """Now and then a block reaches one end of its link only."""

    def setup(self) -> None:
        """From the beginning."""
        self.run.losing_blocks = True

    def stop(self) -> None:
        """Both ends get each block."""
        super().stop()
        self.run.losing_blocks = False


class RestoredBackup(Fault):
    """After a crash a site comes back with an older copy of its whole store; the mark beside it is what it was."""

    interval_s = 2.0
    with_mark = False
    age_s = 2.0

    def step(self) -> None:
        """Make a copy, or bring an old one back."""
        site = self.run.world.sites[self.any_site()]
        copy, made_at = self.backups.get(site.id, (None, 0.0))
        if copy is None:
            self.backups[site.id] = (site.disk.backup(), self.run.world.now)
            self.note(site.id, "backup")
        elif self.run.world.now - made_at > self.age_s:
            self._restore(site, copy)

    def _restore(self, site: SimulatedSite, copy: Copy) -> None:
        del self.backups[site.id]
        site.come_back_old(copy, with_mark=self.with_mark)
        self.note(site.id, "restored disk" if self.with_mark else "restored backup")
        self.run.world.after(self.pause(), restart, self, site.id)

    def setup(self) -> None:
        """No copies yet."""
        self.backups: dict[str, tuple[Copy, float]] = {}
        super().setup()


class RestoredDisk(RestoredBackup):
    """The mark is old too: only what the peers remember shows that the store is.

    At one site: of two that come back old at the same time nobody may remember, which ends the run.
    """

    with_mark = True
    age_s = 8.0
    victim = ""

    def any_site(self) -> str:
        """Always the same one."""
        self.victim = self.victim or super().any_site()
        return self.victim

    def setup(self) -> None:
        """No victim yet."""
        self.victim = ""
        super().setup()


FAULTS: tuple[type[Part], ...] = (
    Crash,
    CrashInCommit,
    Cut,
    Partition,
    Delay,
    DiskFull,
    BitRot,
    ClockJump,
    SilentController,
    StaleController,
    SplitControllers,
    LostBlocks,
    RestoredBackup,
    RestoredDisk,
    Byzantine,
    Tampering,
)
BY_NAME = {kind.__name__: kind for kind in FAULTS}
