// Curves of the chosen runs over one another, by group of keys.
import { get } from "./api.js";
import { drawn, el, field, narrow, options, settled } from "./dom.js";
import { Holder } from "./figures.js";
import { shown, tellProblems } from "./runs.js";
import { choose, chosen, state } from "./state.js";

/** Figures that are asked for at once. */
const BATCH = 16;
const panel = document.getElementById("panel-curves");
const groups = new Map();
let last = "";

const axis = el("select", { onchange: () => choose({ x: axis.value }) });
const smooth = el("input", { type: "range", min: "0", max: "100", step: "2", "aria-describedby": "smooth-says", oninput: () => smoothed() });
const smoothSays = el("output", { id: "smooth-says" });
const log = el("input", { type: "checkbox", onchange: () => choose({ log: log.checked ? "1" : "" }) });
const find = el("input", { type: "search", placeholder: "part of a key", oninput: settled(() => choose({ find: find.value })) });
const legend = el("div", { class: "runs-legend" });
const problems = el("div", { role: "status" });
const holder = el("div", { class: "groups" });
/** What `/` leads to. */
export const search = find;

panel.append(
  el("div", { class: "tools" },
    el("div", { class: "controls" },
      field("Over", axis),
      el("label", {}, el("span", {}, "Smoothing"), smooth, smoothSays),
      el("label", {}, log, el("span", {}, "log scale")),
      field("Find", find)),
    legend),
  problems,
  holder,
);
options(axis, [["step", "steps"], ["seconds", "seconds of work"], ["tokens", "tokens"]], state.x);
const smoothed = settled(() => choose({ smooth: smooth.value }), 80);

/** Shows what is chosen; asks for figures only if that or the runs have changed. */
export async function refresh() {
  axis.value = state.x;
  log.checked = state.log === "1";
  if (document.activeElement !== smooth) smooth.value = state.smooth;
  smoothSays.textContent = state.smooth === "0" ? "off" : `${Number(state.smooth) / 10} %`;
  if (document.activeElement !== find) find.value = state.find;
  const versions = shown().map((run) => run.version).join();
  const now = JSON.stringify([state.runs, state.x, state.smooth, state.log, state.open, state.find, narrow(), versions]);
  if (now === last) return;
  const runs = chosen().map(([id, slot]) => `${id}.${slot}`).join(",");
  const answer = await get("/api/keys", { runs });
  tellProblems(problems, runs ? answer.unreadable : ["Choose a run above."]);
  showGroups(answer.groups);
  for (const { keys, holders } of wanted()) {
    for (let i = 0; i < keys.length; i += BATCH) {
      const part = keys.slice(i, i + BATCH);
      const { figures, legend: looks } = await get("/api/curves", { runs, keys: part.join(","), x: state.x, smooth: state.smooth, log: state.log, narrow: narrow() });
      showLegend(looks);
      for (const { key, svg } of figures) holders.get(key)?.show(svg);
    }
  }
  last = now;
}

function showLegend(markup) {
  if (legend.dataset.key === markup) return;
  legend.dataset.key = markup;
  legend.replaceChildren(...drawn(markup));
}

const open = () => state.open.split(",").filter(Boolean);

function wanted() {
  return [...groups.values()].filter((group) => group.details.open && !group.details.hidden);
}

function showGroups(answer) {
  const word = state.find.trim().toLowerCase();
  const entries = word
    ? [{ name: "found", keys: [...new Set(answer.flatMap((g) => g.keys))].filter((key) => key.toLowerCase().includes(word)).slice(0, 4 * BATCH) }]
    : answer;
  for (const { name } of entries) if (!groups.has(name)) groups.set(name, newGroup(name));
  for (const [name, group] of groups) {
    const entry = entries.find((e) => e.name === name);
    group.details.hidden = !entry;
    if (!entry) continue;
    group.count.textContent = entry.keys.length ? ` ${entry.keys.length}` : " nothing yet";
    fill(group, entry.keys);
    const isOpen = name === "found" || open().includes(name);
    if (group.details.open !== isOpen) group.details.open = isOpen;
  }
  const order = entries.map((e) => groups.get(e.name).details);
  order.forEach((details, i) => {
    if (holder.children[i] !== details) holder.insertBefore(details, holder.children[i] ?? null);
  });
}

function newGroup(name) {
  const count = el("span", { class: "hint" });
  const grid = el("div", { class: "grid halves" });
  const details = el("details", { class: "group-of-curves" }, el("summary", {}, el("h2", {}, name), count), grid);
  details.addEventListener("toggle", () => {
    if (name === "found") return;
    const others = open().filter((other) => other !== name);
    choose({ open: (details.open ? [...others, name] : others).join(",") });
  });
  holder.append(details);
  return { details, grid, count, keys: [], holders: new Map() };
}

/** Keeps the holders of keys that stay, and with them focus and told values. */
function fill(group, keys) {
  if (group.keys.join() === keys.join()) return;
  const holders = new Map(keys.map((key) => [key, group.holders.get(key) ?? new Holder(key)]));
  for (const [key, old] of group.holders) if (!holders.has(key)) old.element.remove();
  [...holders.values()].forEach((h, i) => {
    if (group.grid.children[i] !== h.element) group.grid.insertBefore(h.element, group.grid.children[i] ?? null);
  });
  Object.assign(group, { keys, holders });
}
