"""The spare process of a supervisor."""

import asyncio
from pathlib import Path

import pytest

from qit4n.node import spare

pytestmark = pytest.mark.system


async def ended(process):
    async with asyncio.timeout(30):
        return await process.wait()


async def test_a_spare_becomes_the_command_it_is_told(tmp_path):
    """Its output goes to the log file, after what is there; the exit code is that of the command."""
    log = tmp_path / "one.log"
    log.write_text("before\n")
    process = await spare.begin()
    assert spare.become(process, ("example", "nothing-of-that-name"), log)
    assert await ended(process) == 4
    assert log.read_text().startswith("before\n")
    assert "there is no example" in log.read_text()
    assert not spare.become(process, ("example",), log)


async def test_a_spare_shows_the_command_it_has_become(tmp_path):
    """Who lists processes sees which site it is, and it ends as one when its standard input closes."""
    (tmp_path / "network.yaml").write_text("qit4n: 1\nname: x\nsites: [{id: a}]\nbase_port: 19990\n")
    process = await spare.begin()
    assert spare.become(process, ("controller", "--state", str(tmp_path), "--supervised"), tmp_path / "log")
    title, limit = b"", 200
    while b"controller --state" not in title and limit:
        await asyncio.sleep(0.1)
        title, limit = await asyncio.to_thread(Path(f"/proc/{process.pid}/cmdline").read_bytes), limit - 1
    assert b"controller --state" in title
    process.stdin.close()
    await ended(process)


async def test_a_spare_ends_with_its_supervisor():
    """When its standard input closes before it was told anything, it ends."""
    process = await spare.begin()
    process.stdin.close()
    assert await ended(process) == 0
