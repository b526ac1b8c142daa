// The list of runs: which are shown, and how each stands.
import { ago, arrows, drawn, el, number, say } from "./dom.js";
import { chooseRuns, chosen, state } from "./state.js";

const rows = new Map();
const body = document.querySelector("#list tbody");
const problems = document.getElementById("problems");
/** The last answer: the runs, running ones first. */
export let runs = [];

arrows(body, () => [...body.querySelectorAll("input")], ["ArrowUp", "ArrowDown"]);

/** The chosen runs that there are. */
export function shown() {
  const known = new Map(runs.map((run) => [run.id, run]));
  return chosen().filter(([id]) => known.has(id)).map(([id]) => known.get(id));
}

/** Shows an answer to /api/runs. */
export function showRuns(answer) {
  say(document.getElementById("folder"), `in ${answer.folder}`);
  const rank = { running: 0, finished: 1, stopped: 1 };
  const age = (run) => run.age ?? Infinity;
  // A running run does not change its place with every line that it writes.
  const order = (a, b) =>
    rank[a.state] - rank[b.state] || (rank[a.state] ? age(a) - age(b) : 0) || a.name.localeCompare(b.name);
  runs = [...answer.runs].sort(order);
  if (!state.runs && runs.length) {
    const running = runs.filter((run) => run.state === "running").slice(0, 3);
    chooseRuns((running.length ? running : runs.slice(0, 1)).map((run, i) => [run.id, i]));
  }
  const notes = answer.unreadable.slice();
  if (answer.truncated) notes.push("There are more folders or runs than are looked at: name a folder further down.");
  if (!runs.length) notes.push("No runs yet: a run is a folder with a config.toml or a metrics.jsonl, at most three levels down. This page looks again by itself.");
  tellProblems(problems, notes);
  for (const run of runs) showRow(run, answer.looks);
  const wanted = runs.map((run) => rows.get(run.id).row);
  for (const [id, { row }] of rows) {
    if (wanted.includes(row)) continue;
    row.remove();
    rows.delete(id);
  }
  wanted.forEach((row, i) => {
    if (body.children[i] !== row) body.insertBefore(row, body.children[i] ?? null);
  });
}

/** Lines about what is wrong, each once. */
export function tellProblems(holder, texts) {
  const key = texts.join("\n");
  if (holder.dataset.key === key) return;
  holder.dataset.key = key;
  holder.replaceChildren(...texts.map((text) => el("p", { class: "problem" }, text)));
}

function showRow(run, looks) {
  if (!rows.has(run.id)) rows.set(run.id, newRow(run));
  const { row, box, swatch, cells } = rows.get(run.id);
  const slot = chosen().find(([id]) => id === run.id)?.[1];
  box.checked = slot !== undefined;
  row.classList.toggle("chosen", box.checked);
  const look = slot === undefined ? "" : looks[slot];
  if (swatch.dataset.look !== look) {
    swatch.dataset.look = look;
    swatch.replaceChildren(...drawn(look));
  }
  const phase = run.warm_start ? "warm start " : "";
  const step = run.step == null ? "–" : `${phase}${run.step}${run.steps ? ` of ${run.steps}` : ""}`;
  const how = run.tested ? "" : " tr.";
  const percent = (value) => (value == null ? "–" : `${number(value * 100, 1)} %${how}`);
  const recipe = [run.recipe ?? "–", run.seed == null ? "" : `seed ${run.seed}`].filter(Boolean).join(", ");
  [run.state, step, percent(run.accuracy), percent(run.f1), ago(run.age), recipe].forEach((text, i) => say(cells[i], text));
  cells[0].className = `state ${run.state}`;
  const tested = run.tested ? "the last test" : "training, in the last step (tr.)";
  for (const cell of [cells[2], cells[3]]) cell.title = `of ${tested}`;
  cells[6].firstChild.hidden = !run.report;
}

function newRow(run) {
  const box = el("input", { type: "checkbox", onchange: () => toggle(run.id, box.checked) });
  const swatch = el("span", { class: "swatch" });
  const cells = Array.from({ length: 7 }, () => el("td"));
  cells[6].append(el("a", { href: `/runs/${run.id}/report.html`, target: "_blank", rel: "noopener", hidden: true, "aria-label": `report of ${run.name}` }, "report"));
  const name = el("th", { scope: "row" }, el("label", {}, box, swatch, el("span", {}, run.name)));
  return { row: el("tr", {}, name, ...cells), box, swatch, cells };
}

/** A run keeps its look while others come and go. */
function toggle(id, on) {
  const others = chosen().filter(([other]) => other !== id);
  if (on) {
    const used = new Set(others.map(([, slot]) => slot));
    const free = [...Array(12).keys()].find((slot) => !used.has(slot));
    if (free === undefined) return;
    others.push([id, free]);
  }
  chooseRuns(others);
}
