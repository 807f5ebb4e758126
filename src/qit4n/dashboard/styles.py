"""The style sheet: colours of the palette as custom properties, then the rules of ``style.css``."""

from importlib import resources

from markupsafe import Markup

from qit4n.dashboard.palette import DARK, LIGHT, variables


def style_sheet() -> str:
    """All of it."""
    dark = f"color-scheme:dark;{variables(DARK)}"
    return (
        f":root{{color-scheme:light;{variables(LIGHT)}}}"
        f":root[data-theme=dark]{{{dark}}}"
        f"@media screen and (prefers-color-scheme:dark){{:root:not([data-theme=light]){{{dark}}}}}"
        f"@media print{{:root,:root[data-theme=dark]{{color-scheme:light;{variables(LIGHT)}}}}}\n{_file('style.css')}"
    )


def head() -> Markup:
    """What stands in the head of every page."""
    return Markup("<style>{}</style><script>{}</script>").format(Markup(style_sheet()), Markup(_file("theme.js")))  # noqa: S704 - our files


def _file(name: str) -> str:
    return (resources.files("qit4n.dashboard") / name).read_text(encoding="utf-8")
