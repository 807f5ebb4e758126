// A chart or map: ECharts with colours taken from the style sheet, so that it follows light and dark by itself.
// Strings like "var(--ink)" in the option become the colour of that name. Data items may carry `tip` (HTML, escaped
// by the server) and `to` (a page that a click opens).
import { echarts } from "nicegui-echart";

const resolved = (value, style) => {
  if (typeof value === "string") {
    const name = /^var\((--[a-z-]+)\)$/.exec(value);
    return name ? style.getPropertyValue(name[1]).trim() : value;
  }
  if (Array.isArray(value)) return typeof value[0] === "number" ? value : value.map((one) => resolved(one, style));
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, resolved(one, style)]));
  }
  return value;
};

export default {
  template: '<div role="img"></div>',
  props: { option: Object, land: String, label: String },
  async mounted() {
    this.describe(this.label);
    await this.$nextTick();
    if (this.land) {
      const answer = await fetch(this.land);
      echarts.registerMap(this.land, await answer.json());
    }
    if (!this.$el.isConnected) return;
    this.chart = echarts.init(this.$el, null, { renderer: "canvas" });
    this.chart.on("click", (event) => {
      if (event.data?.to) window.location.href = event.data.to;
      else this.$emit("pick", { name: event.name, data: event.data });
    });
    this.size = new ResizeObserver(() => this.chart.resize());
    this.size.observe(this.$el);
    this.scheme = matchMedia("(prefers-color-scheme: dark)");
    this.scheme.addEventListener("change", this.draw);
    this.theme = new MutationObserver(this.draw);
    this.theme.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    this.draw();
  },
  beforeUnmount() {
    this.size?.disconnect();
    this.theme?.disconnect();
    this.scheme?.removeEventListener("change", this.draw);
    this.chart?.dispose();
  },
  watch: {
    option() {
      this.draw();
    },
  },
  methods: {
    describe(label) {
      this.$el.setAttribute("aria-label", label);
    },
    draw() {
      if (!this.chart) return;
      const option = resolved(this.option, getComputedStyle(document.body));
      option.animation = false;
      option.tooltip = { confine: true, ...option.tooltip };
      if (option.tooltip.trigger !== "axis") {
        option.tooltip.formatter = (event) => event.data?.tip ?? event.name;
      }
      this.chart.setOption(option, { notMerge: true });
    },
    // New data for some series, by their id; the rest, and where the reader has moved the map to, stays.
    renew(series) {
      const known = new Map(this.option.series.map((one) => [one.id, one]));
      for (const one of series) Object.assign(known.get(one.id) ?? {}, one);
      if (this.chart) this.chart.setOption({ series: resolved(series, getComputedStyle(document.body)) });
    },
  },
};
