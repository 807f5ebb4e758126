// A part of the page that the server renews: what has the keyboard focus keeps it, by its id.
export default {
  template: "<div></div>",
  props: { html: String },
  mounted() {
    this.$el.innerHTML = this.html;
  },
  watch: {
    html(text) {
      const focused = this.$el.contains(document.activeElement) ? document.activeElement.id : "";
      this.$el.innerHTML = text;
      if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
    },
  },
};
