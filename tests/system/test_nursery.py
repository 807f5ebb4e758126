"""The nursery of a supervisor."""

import asyncio
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from qit4n.adapters.certificates import issue_all
from qit4n.node.nursery import Born, Nursery
from qit4n.node.processes import network_of

pytestmark = pytest.mark.system


@pytest.fixture
async def nursery():
    one = Nursery()
    yield one
    await one.end()


@pytest.fixture
def controller(tmp_path):
    """Arguments of a controller that runs until its standard input closes."""
    (tmp_path / "network.yaml").write_text("qit4n: 1\nname: x\nsites: [{id: a}]\nbase_port: 19990\n")
    issue_all(network_of(tmp_path), tmp_path)
    return ("controller", "--state", str(tmp_path), "--supervised")


async def ended(process):
    async with asyncio.timeout(30):
        return await process.wait()


def parent(pid):
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


async def until_titled(process, title):
    """Who lists processes sees which command it has become."""
    found, limit = b"", 1000
    while title not in found and limit:
        await asyncio.sleep(0.02)
        found, limit = await asyncio.to_thread(Path(f"/proc/{process.pid}/cmdline").read_bytes), limit - 1
    assert title in found


async def test_a_process_of_the_nursery_is_the_command_it_is_told(nursery, tmp_path):
    """Its output goes to the log file, after what is there; the exit code is that of the command."""
    log = tmp_path / "one.log"
    log.write_text("before\n")
    process = await nursery.start(("example", "nothing-of-that-name"), log)
    assert await ended(process) == process.returncode == 4
    assert log.read_text().startswith("before\n")
    assert "there is no example" in log.read_text()
    with pytest.raises(ProcessLookupError):
        process.terminate()


async def test_a_process_of_the_nursery_is_a_child_of_the_supervisor(nursery, controller, tmp_path):
    """It has a session of its own, outlives the nursery, and the signal that ends it is known."""
    process = await nursery.start(controller, tmp_path / "log")
    await until_titled(process, b"controller --state")
    await nursery.end()
    assert parent(process.pid) == os.getpid()
    assert os.getsid(process.pid) == process.pid
    assert process.returncode is None
    process.kill()
    assert await ended(process) == -9


async def test_a_process_ends_with_its_supervisor(nursery, controller, tmp_path):
    """Its standard input closes then, although other processes were forked after it."""
    first = await nursery.start(controller, tmp_path / "first")
    await until_titled(first, b"controller --state")
    second = await nursery.start(("node", "nowhere", "--state", str(tmp_path)), tmp_path / "second")
    assert await ended(second) > 0
    first.close_input()
    assert await ended(first) == 0


async def test_a_nursery_that_was_killed_is_replaced(nursery, controller, tmp_path):
    """Processes that it has made go on; the next comes from another one."""
    first = await nursery.start(controller, tmp_path / "first")
    os.kill(nursery.pid, 9)
    second = await nursery.start(("example", "nothing-of-that-name"), tmp_path / "second")
    assert await ended(second) == 4
    third = await nursery.start(("example", "nothing-of-that-name"), tmp_path / "third")
    assert await ended(third) == 4
    assert isinstance(third, Born)
    assert first.returncode is None
    first.kill()
    assert await ended(first) == -9


REHEARSED = """
import contextlib, sys
from qit4n.cli import nursery
from qit4n.cli.main import run
nursery.rehearse()
before = set(sys.modules)
with contextlib.suppress(SystemExit):
    run(["node", "x", "--state", "/nowhere"])
print(*sorted({name.split(".")[0] for name in set(sys.modules) - before}))
print(*sorted({"scipy", "httpx", "psycopg", "nicegui", "matplotlib", "skyfield"} & set(sys.modules)))
"""


def test_a_nursery_has_at_hand_what_a_command_imports():
    """Between the order and the site's own work nothing is imported; what few sites need is not imported at all."""
    found = subprocess.run([sys.executable, "-c", REHEARSED], capture_output=True, text=True, check=True)
    assert found.stdout.splitlines() == ["", ""], found.stderr


async def test_a_nursery_ends_with_its_supervisor():
    """It reads that there will be no more orders."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = await asyncio.create_subprocess_exec(sys.executable, "-m", "qit4n.cli.nursery", stdin=theirs.fileno())
    ours.close()
    assert await ended(process) == 0
