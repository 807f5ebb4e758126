"""Other servers of ETSI GS QKD 014, started beside the one that is measured. Each gives what it is and its process.

- nginx: one fixed answer per request, no keys: what TLS and HTTP alone cost in C.
- Go: net/http on one core, keys in memory (``memory_kme.go``, standard library only).
- FastAPI: pydantic on uvicorn with uvloop and httptools, keys in memory (``fastapi_kme.py``).

What is not installed is left out.
"""

import base64
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import missing_peer

HERE = Path(__file__).parent
NGINX = """
daemon off; master_process off; pid {directory}/nginx.pid; error_log stderr warn; user root;
events {{ worker_connections 512; }}
http {{
  access_log off; keepalive_requests 1000000000; default_type application/json;
  client_body_temp_path {directory}/b; proxy_temp_path {directory}/p; fastcgi_temp_path {directory}/f;
  uwsgi_temp_path {directory}/u; scgi_temp_path {directory}/s;
  server {{
    listen 127.0.0.1:{port} ssl;
    ssl_certificate {cert}; ssl_certificate_key {key}; ssl_client_certificate {ca}; ssl_verify_client on;
    root {directory}; open_file_cache max=8;
    location / {{ if ($arg_number = 128) {{ rewrite ^ /128.json break; }} rewrite ^ /1.json break; }}
  }}
}}
"""


@contextmanager
def peers(directory: Path, files: dict[str, str], first_port: int) -> Iterator[dict[str, tuple[int, int]]]:
    """Port and process of each server that could be started, with the certificate of ``files``."""
    directory.mkdir()
    certificates = [files["cert"], files["key"], files["ca"]]
    commands = {
        "nginx, fixed answer": _nginx(directory, files, first_port),
        "Go, keys in memory": _go(directory, first_port + 1, certificates),
        "FastAPI, keys in memory": _fastapi(first_port + 2, certificates),
    }
    running = {}
    try:
        for place, (name, command) in enumerate(commands.items()):
            if command:
                process = subprocess.Popen(command, stderr=subprocess.DEVNULL)  # noqa: S603 - our own command
                running[name] = (first_port + place, process)
            else:
                missing_peer(name.partition(",")[0])
        yield {name: (port, process.pid) for name, (port, process) in running.items()}
    finally:
        for _, process in running.values():
            process.terminate()
        for _, process in running.values():
            process.wait(10)


def _nginx(directory: Path, files: dict[str, str], port: int) -> list[str]:
    program = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if program is None:
        return []
    for number in (1, 128):
        (directory / f"{number}.json").write_text(_body(number), encoding="ascii")
    settings = directory / "nginx.conf"
    settings.write_text(NGINX.format(directory=directory, port=port, **files), encoding="ascii")
    return [program, "-c", str(settings), "-p", str(directory)]


def _body(number: int) -> str:
    value = base64.b64encode(bytes(32)).decode()
    return json.dumps({"keys": [{"key_ID": str(uuid.UUID(int=place)), "key": value} for place in range(number)]})


def _go(directory: Path, port: int, certificates: list[str]) -> list[str]:
    program, go = directory / "memory_kme", shutil.which("go")
    if go is None:
        return []
    subprocess.run([go, "build", "-o", program, HERE / "memory_kme.go"], check=True)  # noqa: S603 - our own source
    return [str(program), str(port), *certificates]


def _fastapi(port: int, certificates: list[str]) -> list[str]:
    if not all(importlib.util.find_spec(name) for name in ("fastapi", "uvicorn")):
        return []
    return [sys.executable, str(HERE / "fastapi_kme.py"), str(port), *certificates]
