// Figures that the server drew: put in place without flicker, values told to pointer and keys.
import { drawn, el, say } from "./dom.js";

/** A place for a figure. The focus and the values that are told stay when the figure changes. */
export class Holder {
  constructor(label) {
    this.markup = "";
    this.at = -1;
    this.tip = el("p", { class: "tip", role: "status", hidden: true });
    this.picture = el("div", { class: "picture" });
    this.element = el("div", { class: "holder", tabindex: "0", role: "group", "aria-label": `${label}: arrow keys tell the values` }, this.picture, this.tip);
    this.element.addEventListener("keydown", (event) => this.key(event));
    for (const kind of ["pointermove", "pointerdown"]) {
      this.element.addEventListener(kind, (event) => this.point(event.target.closest?.("[data-says]")));
    }
    this.element.addEventListener("pointerleave", () => this.tell(-1));
    this.element.addEventListener("blur", () => this.tell(-1));
  }

  /** Shows a figure, if it is another one. */
  show(markup) {
    if (markup === this.markup) return;
    this.markup = markup;
    const figure = drawn(markup);
    this.picture.replaceChildren(...figure);
    // The browser's own hover texts come late and not at all on touch: they are told here.
    for (const title of this.picture.querySelectorAll("svg title")) {
      if (title.textContent) title.parentNode.dataset.says = title.textContent;
      title.remove();
    }
    this.parts = [...this.picture.querySelectorAll("[data-says]")];
    const strips = this.parts.filter((part) => part.classList.contains("hit"));
    this.stops = strips.length ? strips : this.parts;
    this.tell(Math.min(this.at, this.parts.length - 1));
  }

  key(event) {
    const stops = this.stops ?? [];
    const at = stops.indexOf(this.parts?.[this.at]);
    const last = stops.length - 1;
    const next = { ArrowLeft: at < 0 ? last : Math.max(at - 1, 0), ArrowRight: Math.min(at + 1, last), Home: 0, End: last }[event.key];
    if (event.key === "Escape") this.tell(-1);
    if (next === undefined || !stops[next]) return;
    event.preventDefault();
    this.point(stops[next]);
  }

  point(part) {
    this.tell(part ? this.parts.indexOf(part) : -1);
  }

  tell(at) {
    this.parts?.[this.at]?.classList.remove("told");
    this.at = at;
    const part = this.parts?.[at];
    this.tip.hidden = !part;
    if (!part) return;
    part.classList.add("told");
    say(this.tip, part.dataset.says);
    const holder = this.element.getBoundingClientRect();
    const box = part.getBoundingClientRect();
    const middle = box.left + box.width / 2 - holder.left;
    const width = this.tip.offsetWidth;
    // Beside the strip, on the side with more room.
    const left = middle > holder.width / 2 ? middle - width - 12 : middle + 12;
    this.tip.style.left = `${Math.max(0, Math.min(left, holder.width - width))}px`;
    this.tip.style.top = `${Math.max(0, box.top - holder.top)}px`;
  }
}
