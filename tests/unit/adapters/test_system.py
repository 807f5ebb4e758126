"""The machine: what is done to keep the memory of a site off the disks."""

import os
import resource
import subprocess
import sys

import pytest

PROBE = """
import ctypes, os, resource, sys
from qit4n.adapters.system import protect_memory
limit = int(sys.argv[1]) << 20
resource.setrlimit(resource.RLIMIT_MEMLOCK, (limit, limit))
resource.setrlimit(resource.RLIMIT_CORE, (1 << 20, resource.getrlimit(resource.RLIMIT_CORE)[1]))
libc = ctypes.CDLL(None)
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
libc.prctl(4, 1, 0, 0, 0)
print(protect_memory())
held = [bytearray(os.urandom(1 << 20)) for _ in range(int(sys.argv[1]) + 64)]
print(resource.getrlimit(resource.RLIMIT_CORE)[0], libc.prctl(3, 0, 0, 0, 0))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux only")
def test_with_a_limit_a_process_goes_on_without_locked_memory():
    """No privileges: said in the log, more memory than the limit can still be had; no core dumps all the same."""
    command = [sys.executable, "-c", PROBE, "8"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    said, state = done.stdout.splitlines()
    assert "memory is not locked" in said
    assert state == "0 0"


@pytest.mark.skipif(
    os.geteuid() != 0 and resource.getrlimit(resource.RLIMIT_MEMLOCK)[0] != resource.RLIM_INFINITY,
    reason="needs root or an unlimited limit of locked memory",
)
def test_where_the_system_allows_the_memory_is_locked():
    """What a process gets afterwards is locked as well."""
    probe = (
        "from qit4n.adapters.system import protect_memory\n"
        "print(protect_memory())\n"
        "held = bytearray(32 << 20)\n"
        "print(next(line for line in open('/proc/self/status') if line.startswith('VmLck')))\n"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True, timeout=60)
    said, locked = done.stdout.splitlines()[:2]
    if "not locked" in said:
        pytest.skip("the system does not allow it")
    assert int(locked.split()[1]) > 32 << 10
