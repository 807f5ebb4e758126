"""The seams of ITU-T Y.3802: what crosses each reference point, one module each, messages only.

The layer folders never import each other; they meet here. A message is a frozen ``msgspec.Struct``; those
that carry key material hide it in their ``repr`` (see :class:`Sensitive`), so that no log line can show it.
"""

import msgspec


class Message(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """Base of all messages; the class name is the tag on the wire."""


class Sensitive(Message, frozen=True, kw_only=True):
    """A message with key material in it: ``repr`` shows the lengths of its byte fields, never their content."""

    def __repr__(self) -> str:
        """Name and fields; bytes as their length."""
        fields = (f"{name}={_shown(getattr(self, name))}" for name in self.__struct_fields__)
        return f"{type(self).__name__}({', '.join(fields)})"


def _shown(value: object) -> str:
    return f"<{len(value)} bytes>" if isinstance(value, bytes | bytearray) else repr(value)
