// Elements from words. Text is always set as text, never parsed.

/** An element with attributes, listeners (`onclick: f`), and children (elements or texts). */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child != null));
  return element;
}

/** Sets the text if it is another one, so that what is the same is not touched. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** The elements of a fragment that the server drew; its texts are escaped there. */
export function drawn(markup) {
  const template = document.createElement("template");
  template.innerHTML = markup;
  return [...template.content.children];
}

/** Puts the options of a select, if they are others, and chooses one. */
export function options(select, entries, chosen) {
  const key = JSON.stringify(entries);
  if (select.dataset.key !== key) {
    select.dataset.key = key;
    select.replaceChildren(...entries.map(([value, text]) => el("option", { value }, text)));
  }
  if (select.value !== chosen) select.value = chosen;
}

/** A label around a field. */
export function field(text, input) {
  return el("label", {}, el("span", {}, text), input);
}

/** Calls `f` once after calls have ceased for so many milliseconds. */
export function settled(f, milliseconds = 250) {
  let timer;
  return (...words) => {
    clearTimeout(timer);
    timer = setTimeout(f, milliseconds, ...words);
  };
}

/** Arrow keys that move the focus among the elements that `all` lists. */
export function arrows(holder, all, [before, after]) {
  holder.addEventListener("keydown", (event) => {
    const items = all();
    const at = items.indexOf(document.activeElement);
    const next = { [before]: at - 1, [after]: at + 1, Home: 0, End: items.length - 1 }[event.key];
    if (at < 0 || next === undefined || !items[next]) return;
    event.preventDefault();
    items[next].focus();
  });
}

const narrowScreen = matchMedia("(max-width: 520px)");
/** What tells the server to draw for a narrow screen: "1" or nothing. */
export const narrow = () => (narrowScreen.matches ? "1" : "");

/** Seconds as people say them. */
export function ago(seconds) {
  if (seconds == null) return "–";
  const units = [[86400, "d"], [3600, "h"], [60, "min"]];
  const [size, name] = units.find(([size]) => seconds >= size) ?? [1, "s"];
  return `${Math.floor(seconds / size)} ${name} ago`;
}

/** A number with so many decimals and a true minus sign; a dash for none. */
export function number(value, decimals) {
  return typeof value === "number" ? value.toFixed(decimals).replace("-", "−") : "–";
}
