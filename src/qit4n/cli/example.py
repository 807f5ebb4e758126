"""``qit example``: the shipped network files, and networks by rule."""

from typing import Annotated

import msgspec
import typer

from qit4n.errors import UnknownNetworkError
from qit4n.network.file import examples, parse
from qit4n.network.generate import SHAPES, to_yaml


def example(
    name: Annotated[str | None, typer.Argument(help="an example, or a shape: " + ", ".join(SHAPES))] = None,
    size: Annotated[int, typer.Option(help="how many sites, users or rings (shapes only)")] = 5,
    length_km: Annotated[float, typer.Option(help="length of the links (shapes only)")] = 20.0,
    json_: Annotated[bool, typer.Option("--json", help="one JSON document")] = False,
) -> None:
    """List the examples, print one, or generate a network of a given shape."""
    known = examples()
    if name is None:
        titles = {one: parse(text, one).title for one, text in known.items()}
        if json_:
            print(msgspec.json.encode({"examples": titles, "shapes": list(SHAPES)}).decode())
            return
        for one, title in titles.items():
            print(f"{one:20} {title}")
        print("\nshapes: " + ", ".join(SHAPES) + "  (qit example ring --size 8 --length-km 30)")
        return
    if name not in known and name not in SHAPES:
        raise UnknownNetworkError(
            f"there is no example {name}; examples: {', '.join(known)}; shapes: {', '.join(SHAPES)}"
        )
    text = known[name] if name in known else to_yaml(SHAPES[name](size, length_km))
    print(msgspec.json.encode(parse(text, name)).decode() if json_ else text, end="" if not json_ else "\n")
