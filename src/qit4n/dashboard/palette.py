"""Colours of the dashboard, light and dark, by what they mean; and how well they can be told from the ground.

Contrast after W3C Web Content Accessibility Guidelines 2.2: 1.4.3 (text, 4.5:1) and 1.4.11 (graphics, 3:1).
"""

LIGHT = {
    "ground": "#f4f6f8",
    "surface": "#ffffff",
    "ink": "#18202c",
    "quiet": "#545f70",
    "line": "#d4dae2",
    "accent": "#1c5ca8",
    "accent-ground": "#e6eef8",
    "stock-full": "#123f7a",
    "stock-half": "#2d6fb7",
    "stock-low": "#8a5a00",
    "critical": "#b3201a",
    "critical-ground": "#fbe9e7",
    "major": "#b3201a",
    "minor": "#8a5a00",
    "warning": "#8a5a00",
    "warning-ground": "#fdf3dc",
    "good": "#1d6b4f",
    "good-ground": "#e2f2ea",
    "unknown": "#6a7484",
    "sea": "#dde6ee",
    "land": "#f7f7f4",
    "border": "#b9c0c9",
    "river": "#bfd0df",
    "first": "#1c5ca8",
    "second": "#a34d00",
    "third": "#1d6b4f",
}
DARK = {
    "ground": "#10141a",
    "surface": "#181e26",
    "ink": "#e4e9f0",
    "quiet": "#9fabba",
    "line": "#303946",
    "accent": "#7db4f2",
    "accent-ground": "#1d2f45",
    "stock-full": "#a8d1ff",
    "stock-half": "#5c9be0",
    "stock-low": "#e5ae4a",
    "critical": "#ff8075",
    "critical-ground": "#40201f",
    "major": "#ff8075",
    "minor": "#e5ae4a",
    "warning": "#e5ae4a",
    "warning-ground": "#3a2e14",
    "good": "#63c79c",
    "good-ground": "#163327",
    "unknown": "#8f9aaa",
    "sea": "#131a23",
    "land": "#1d242d",
    "border": "#3d4754",
    "river": "#2a3a4b",
    "first": "#7db4f2",
    "second": "#f0a060",
    "third": "#63c79c",
}
TEXT = (  # foreground, ground: as the style sheet and the charts use them
    *(
        (name, ground)
        for name in ("ink", "quiet", "accent", "critical", "warning", "good")
        for ground in ("surface", "ground")
    ),
    ("ink", "accent-ground"),
    ("accent", "accent-ground"),
    ("ink", "critical-ground"),
    ("critical", "critical-ground"),
    ("ink", "warning-ground"),
    ("warning", "warning-ground"),
    ("ink", "good-ground"),
    ("good", "good-ground"),
    ("surface", "critical"),
    ("surface", "accent"),
    ("ink", "land"),
    ("ink", "sea"),
)
GRAPHICS = tuple(
    (name, ground)
    for name in ("stock-full", "stock-half", "stock-low", "critical", "unknown", "first", "second", "third")
    for ground in ("land", "sea", "surface")
)


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours ``#rrggbb``, 1 to 21 (WCAG 2.2, definitions of contrast ratio and luminance)."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)  # noqa: PLR2004
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def variables(colours: dict[str, str]) -> str:
    """The colours as custom properties of CSS."""
    return "".join(f"--{name}:{colour};" for name, colour in colours.items())
