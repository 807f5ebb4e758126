"""Bytes and JSON values bent at random: what a careless or hostile client might send."""

import functools
import json
import random

from msgspec import inspect

BYTES = [b"", b"\0", b"\r\n", b"\n\n", b"%00", b"%", b"%zz", b"../", b'"', b"{", b"[" * 40, b"\xff\xfe", b"\xc3\xa9"]
BYTES += [b"-1", b"1e9", b"NaN", b"0x10", b"18446744073709551616", b"true", b"null", b"Content-Length: 5\r\n"]
BYTES += [b"Transfer-Encoding: chunked\r\n", b" HTTP/1.1", b"?", b"&", b"=", b"\x00\xff\xff\xff", b"\x82\xa4type"]
WORDS = ["", " ", "app-east", "app-west", "east", "0", "-1", "1e3", "٣", "\u0000", "../../status", "a" * 65, "a" * 291]
WORDS += ["é", "%2F", "null", "6ba7b810-9dad-41d1-80b4-00c04fd430c8", "{}", "'; DROP TABLE key", "\ud7ff", "\U0001f511"]
VALUES = [None, True, False, 0, 1, -1, 7, 8, 255, 256, 2**31, 2**63, 2**64, 10**400, 0.5, 1e300, [], {}, [[]], [None]]
DEEPEST = 3
PLAIN = {
    inspect.BoolType: (True, False),
    inspect.IntType: (0, 1, 2, 255, 65_536, -1, 2**62),
    inspect.FloatType: (0.0, 0.5, -1.0, 1e9),
    inspect.StrType: ("east", "west", "east-west", "app-east", "slab-1"),
    inspect.BytesType: (b"", b"\1", bytes(8), bytes(16), b"\xff" * 32),
    inspect.NoneType: (None,),
}


@functools.cache
def type_info(types):
    return inspect.type_info(types)


class Mutation:
    """Bends by the dice of one seed."""

    def __init__(self, seed):
        self.dice = random.Random(seed)

    def bent(self, content):
        """One to four changes: bytes flipped, taken out, repeated, put in, or the end cut off."""
        content = bytearray(content)
        for _ in range(self.dice.randint(1, 4)):
            at = self.dice.randrange(len(content) + 1)
            end = min(len(content), at + self.dice.randint(1, 16))
            match self.dice.randrange(6):
                case 0 if at < len(content):
                    content[at] ^= 1 << self.dice.randrange(8)
                case 1:
                    del content[at:end]
                case 2:
                    content[at:at] = content[at:end] * self.dice.randint(1, 8)
                case 3:
                    content[at:at] = self.dice.choice(BYTES)
                case 4:
                    content[at:end] = self.dice.randbytes(end - at)
                case _:
                    del content[at + (len(content) - at) // 2 :]
        return bytes(content)

    def word(self):
        """A text that may be anything."""
        if self.dice.random() < 0.8:
            return self.dice.choice(WORDS)
        return "".join(
            chr(self.dice.choice((32, 47, 65, 127, 233, 0x3B1, 0x1F511))) for _ in range(self.dice.randint(1, 300))
        )

    def value(self, depth=0):
        """A JSON value that may be anything."""
        kind = self.dice.random()
        if kind < 0.5 or depth > DEEPEST:
            return self.dice.choice(VALUES)
        if kind < 0.8:
            return self.word()
        some = [self.value(depth + 1) for _ in range(self.dice.randint(0, 4))]
        return some if kind < 0.9 else {self.word(): one for one in some}

    def changed(self, value, share):
        """The value with this share of its parts replaced; members get lost, and strange ones come in."""
        if self.dice.random() < share:
            return self.value()
        if isinstance(value, dict):
            kept = {name: self.changed(one, share) for name, one in value.items() if self.dice.random() >= share / 2}
            if self.dice.random() < share:
                kept[self.word()] = self.value()
            return kept
        if isinstance(value, list):
            return [self.changed(one, share) for one in value]
        return value

    def json(self, value):
        """As text, at times not quite JSON."""
        text = json.dumps(self.changed(value, self.dice.choice((0.0, 0.1, 0.3))), ensure_ascii=self.dice.random() < 0.5)
        content = text.encode("utf-8", "surrogatepass")
        return self.bent(content) if self.dice.random() < 0.1 else content

    def request(self):
        """Method, path, query and body of a request that is nearly one."""
        dice = self.dice
        method = dice.choice(("GET", "GET", "POST", "POST", "PUT", "DELETE", "get"))
        who = "app-west" if dice.random() < 0.7 else self.word()
        call = dice.choice(("status", "enc_keys", "dec_keys", "enc_keys", self.word()))
        path = dice.choice(
            (f"/api/v1/keys/{who}/{call}",) * 6 + ("/key", f"/key/{self.word()}", "/capabilities", "/entropy")
        )
        name = dice.choice(("number", "size", "key_ID", "remoteSystemID", "minentropy", self.word()))
        query = "&".join(f"{name}={self.word()}" for _ in range(dice.choice((0, 0, 1, 1, 2))))
        key_ids = {"key_IDs": [{"key_ID": self.word()} for _ in range(dice.randint(0, 3))]}
        wanted = {"number": dice.choice((1, 1, 3)), "size": dice.choice((8, 256, 1024)), "additional_slave_SAE_IDs": []}
        body = self.json(key_ids if call == "dec_keys" else wanted) if method != "GET" or dice.random() < 0.05 else b""
        return method, path, query, body

    def stream_line(self):
        """A call of 004 that is nearly one."""
        dice = self.dice
        qos = {"key_chunk_size": 32, "max_bps": 0, "min_bps": 0, "jitter": 0, "priority": 0, "timeout": 100, "ttl": 1}
        stream = "6ba7b810-9dad-41d1-80b4-00c04fd430c8"
        calls = (
            ("OPEN_CONNECT", {"source": "app-east", "destination": "app-west", "key_stream_id": None, "qos": qos}),
            ("GET_KEY", {"key_stream_id": stream, "index": 0, "metadata": {"metadata_size": 64}}),
            ("CLOSE", {"key_stream_id": stream}),
        )
        command, data = dice.choice(calls)
        return self.json({"command": command, "data": data}).replace(b"\n", b" ")

    def message(self, types):
        """A message as data, of a union of structs, with each field as its type says."""
        return self._of(type_info(types))

    def _of(self, kind):
        dice = self.dice
        if type(kind) in PLAIN:
            found = dice.choice(PLAIN[type(kind)])
        elif isinstance(kind, inspect.StructType):
            found = {field.encode_name: self._of(field.type) for field in kind.fields}
            found |= {kind.tag_field: kind.tag} if kind.tag_field else {}
        elif isinstance(kind, inspect.DictType):
            found = {self._of(kind.key_type): self._of(kind.value_type) for _ in range(dice.randint(0, 3))}
        elif isinstance(kind, inspect.VarTupleType):
            found = [self._of(kind.item_type) for _ in range(dice.randint(0, 3))]
        elif isinstance(kind, inspect.TupleType):
            found = [self._of(one) for one in kind.item_types]
        elif isinstance(kind, inspect.UnionType):
            found = self._of(dice.choice(kind.types))
        elif isinstance(kind, inspect.EnumType):
            found = dice.choice(list(kind.cls)).value
        elif isinstance(kind, inspect.LiteralType):
            found = dice.choice(kind.values)
        else:
            found = self._of(kind.type)  # Metadata
        return found
