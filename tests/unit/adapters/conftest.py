"""A PostgreSQL server that the tests start themselves, once per test process."""

import pytest

from qit4n.adapters.postgresserver import PostgresServer


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory):
    """A running private server; its data are deleted at the end."""
    server = PostgresServer(tmp_path_factory.mktemp("postgres"))
    server.start()
    yield server
    server.stop()
    server.remove()
