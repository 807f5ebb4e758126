"""The dashboard of a network of 10,000 elements, fed with made-up states; arguments: a port, a folder for figures."""

import asyncio
import sys
import time
from pathlib import Path

import uvicorn
from fastapi import FastAPI

sys.path.insert(0, str(Path(__file__).parents[1]))
from qit4n.adapters.system import system_entropy
from qit4n.dashboard.app import mount
from qit4n.dashboard.drawing import Drawings
from qit4n.dashboard.mapoption import map_series
from qit4n.management.access import Access, account
from qit4n.management.overview import Overview
from unit.dashboard.worlds import large, status_of

FAILS_AFTER_S = 20.0  # the page is open by then, or shows it at once


class Manager:
    """What the pages need."""

    def __init__(self, network, folder):
        self.network, self.state = network, folder
        self.overview = Overview(network)
        self.access = Access({"operator": account("operator", "operator-password", system_entropy)})
        self.log_ins = asyncio.Lock()
        self.session_key = system_entropy(32).hex()

    def now(self):
        return time.time()

    async def account(self, link):
        return None


def figures(network):
    """What one update costs on the server, in seconds of processor time."""
    drawing = Drawings(network).drawing()
    status = status_of(network)
    begun = time.process_time()
    for _ in range(5):
        map_series(drawing.plan, drawing.scene(network, status))
    drawn_s = (time.process_time() - begun) / 5
    return f"on the server one update of the map takes {1e3 * drawn_s:.0f} ms\n"


async def main(port, folder):
    network = large(10_000)
    (folder / "figures").write_text(figures(network))
    manager = Manager(network, folder)
    manager.overview.receive(status_of(network, at=time.time()))
    application = FastAPI(openapi_url=None)
    mount(application, manager)
    server = uvicorn.Server(uvicorn.Config(application, host="127.0.0.1", port=port, log_level="error"))
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn's own way
        await asyncio.sleep(0.05)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    begun = time.time()
    while not serving.done():
        await asyncio.sleep(1)
        late = time.time() - begun > FAILS_AFTER_S
        manager.overview.receive(status_of(network, links={"l77": {"state": "down"}} if late else {}, at=time.time()))


asyncio.run(main(int(sys.argv[1]), Path(sys.argv[2])))
