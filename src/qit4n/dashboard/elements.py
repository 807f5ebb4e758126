"""The two parts of which pages are made: markup that the server renews, and charts."""

from pathlib import Path
from typing import Any

import nicegui.elements.echart
from markupsafe import Markup
from nicegui.element import Element

ECHARTS = Path(nicegui.elements.echart.__file__).parent / "dist"


class Live(Element, component="live.js"):
    """Markup; sent to the browser only when it has changed."""

    def __init__(self, html: Markup | str = "", *, classes: str = "", announces: bool = False) -> None:
        """Show this; with ``announces`` a screen reader tells what changes."""
        super().__init__()
        self._props["html"] = str(html)
        if classes:
            self.classes(classes)
        if announces:
            self.props('aria-live="polite"')

    def show(self, html: Markup) -> bool:
        """Show this from now on; whether it is something new."""
        if self._props["html"] == str(html):
            return False
        self._props["html"] = str(html)
        self.update()
        return True


class Chart(Element, component="chart.js", esm={"nicegui-echart": str(ECHARTS)}):
    """A chart or map of Apache ECharts, whose colours are names of the palette."""

    def __init__(self, option: dict[str, Any], label: str, *, land: str = "", classes: str = "chart") -> None:
        """Draw an option; ``label`` says what it shows to those who do not see it."""
        super().__init__()
        self._props["option"] = option
        self._props["label"] = label
        self._props["land"] = land
        self._sent = option["series"]
        self.classes(classes)

    def renew(self, series: list[dict[str, Any]], label: str) -> bool:
        """Send those series that have changed; whether there were any."""
        changed = [one for one, old in zip(series, self._sent, strict=True) if one != old]
        self._sent = series
        if changed:
            self.run_method("renew", changed)
        if label != self._props["label"]:
            self._props["label"] = label
            self.run_method("describe", label)
        return bool(changed)

    def replace(self, option: dict[str, Any]) -> None:
        """Draw another option, if it is another one."""
        if option != self._props["option"]:
            self._props["option"] = option
            self._sent = option["series"]
            self.update()
