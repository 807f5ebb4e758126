"""``qit example``: the shipped network files, and networks by rule."""

from typing import Annotated

import msgspec
import typer

from qit4n.errors import UnknownNetworkError
from qit4n.network.explain import nearest
from qit4n.network.file import examples, parse
from qit4n.network.generate import SHAPES, generate, to_yaml


def example(
    name: Annotated[str | None, typer.Argument(help="an example, or a shape: " + ", ".join(SHAPES))] = None,
    size: Annotated[int, typer.Option(help="how many sites, users or rings (shapes only)")] = 5,
    length_km: Annotated[float, typer.Option(help="length of the links (shapes only)")] = 20.0,
    seed: Annotated[int, typer.Option(help="places of the sites (mesh only)")] = 1,
    json_: Annotated[bool, typer.Option("--json", help="one JSON document")] = False,
) -> None:
    """List the examples, print one, or generate a network of a given shape."""
    known = examples()
    if name is None:
        _list(known, json_=json_)
        return
    if name in known:
        text = known[name]
    elif name in SHAPES:
        made_by = f"qit example {name} --size {size} --length-km {length_km:g}"
        made_by += f" --seed {seed}" if name == "mesh" else ""
        text = f"# Made by: {made_by}\n" + to_yaml(generate(name, size, length_km, seed))
    else:
        hint = nearest(name, [*known, *SHAPES], "known")
        raise UnknownNetworkError(
            f"there is no example {name}; {hint}; examples: {', '.join(known)}; shapes: {', '.join(SHAPES)}"
        )
    network = parse(text, name)
    print(msgspec.json.encode(network).decode() if json_ else text.rstrip("\n"))


def _list(known: dict[str, str], *, json_: bool) -> None:
    titles = {one: parse(text, one).title for one, text in known.items()}
    if json_:
        print(msgspec.json.encode({"examples": titles, "shapes": list(SHAPES)}).decode())
        return
    for one, title in titles.items():
        print(f"{one:20} {title}")
    print("\nshapes: " + ", ".join(SHAPES) + "  (qit example ring --size 8 --length-km 30)")
