"""A peer for the benchmark of supply: ETSI GS QKD 014 as it is often written, FastAPI with pydantic on uvicorn.

Keys in memory only: no store, no second site. Arguments: port, certificate, private key, authority.
"""

import base64
import os
import ssl
import sys
import uuid

import uvicorn
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel


class Key(BaseModel):
    """One key."""

    key_ID: str  # noqa: N815 - the name is that of the standard
    key: str


class Container(BaseModel):
    """Key container."""

    keys: list[Key]


class WantedID(BaseModel):
    """One id."""

    key_ID: str  # noqa: N815


class WantedIDs(BaseModel):
    """Key IDs."""

    key_IDs: list[WantedID]  # noqa: N815


app = FastAPI()
held: dict[str, str] = {}


@app.get("/api/v1/keys/{slave}/enc_keys")
async def enc_keys(slave: str, number: int = 1) -> Container:  # noqa: ARG001 - as FastAPI wants it
    """Get key."""
    keys = []
    for _ in range(number):
        key = Key(key_ID=str(uuid.uuid4()), key=base64.b64encode(os.urandom(32)).decode())
        held[key.key_ID] = key.key
        keys.append(key)
    return Container(keys=keys)


@app.post("/api/v1/keys/{master}/dec_keys")
async def dec_keys(master: str, wanted: WantedIDs) -> Container:  # noqa: ARG001
    """Get key with key IDs."""
    try:
        return Container(keys=[Key(key_ID=one.key_ID, key=held.pop(one.key_ID)) for one in wanted.key_IDs])
    except KeyError as error:
        raise HTTPException(400, "one or more keys specified are not found on KME") from error


if __name__ == "__main__":
    uvicorn.run(
        app,
        port=int(sys.argv[1]),
        ssl_certfile=sys.argv[2],
        ssl_keyfile=sys.argv[3],
        ssl_ca_certs=sys.argv[4],
        ssl_cert_reqs=ssl.CERT_REQUIRED,
        log_level="warning",
        access_log=False,
    )
