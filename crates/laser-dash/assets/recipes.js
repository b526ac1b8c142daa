// What the recipes of the chosen runs say differently, and what the runs warned of.
import { get } from "./api.js";
import { el } from "./dom.js";
import { shown } from "./runs.js";
import { chosen, state } from "./state.js";

const asked = () => ({ runs: chosen().map(([id, slot]) => `${id}.${slot}`).join(",") });
const said = {};

/** Puts what was made of an answer, if the answer is another one. */
function put(name, answer, make) {
  const text = JSON.stringify(answer);
  if (said[name] === text) return;
  said[name] = text;
  document.getElementById(`panel-${name}`).replaceChildren(...make(answer));
}

/** Shows the differences of the recipes. */
export async function refreshRecipes() {
  put("recipes", await get("/api/recipes", asked()), ({ runs, rows, same, unreadable }) => {
    const problems = unreadable.map((text) => el("p", { class: "problem" }, text));
    if (runs.length < 2) {
      return [...problems, el("p", { class: "none" }, "Choose two or more runs above to see in which keys their recipes differ.")];
    }
    const lead = rows.length
      ? `${rows.length} ${rows.length === 1 ? "key differs" : "keys differ"}, ${same} are the same.`
      : `All ${same} keys are the same.`;
    const head = el("tr", {}, el("th", { scope: "col" }, "key"), ...runs.map((name) => el("th", { scope: "col" }, name)));
    const cell = (value) => (value == null ? el("td", { class: "absent" }, "absent") : el("td", {}, el("code", {}, value)));
    const body = rows.map(([key, values]) => el("tr", {}, el("th", { scope: "row" }, el("code", {}, key)), ...values.map(cell)));
    const table = el("table", { class: "recipes" }, el("thead", {}, head), el("tbody", {}, ...body));
    return [...problems, el("p", { class: "lead" }, lead), ...(rows.length ? [el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Differences of the recipes" }, table)] : [])];
  });
}

/** Shows what the runs warned of. */
export async function refreshWarnings() {
  const now = JSON.stringify([state.runs, shown().map((run) => run.version)]);
  if (said.asked === now) return;
  const answer = await get("/api/warnings", asked());
  said.asked = now;
  put("warnings", answer, (told) => {
    if (!told.length) return [el("p", { class: "none" }, "Choose a run above.")];
    return told.flatMap(({ run, warnings }) => [
      el("h2", {}, run),
      warnings.length
        ? el("ul", { class: "story" }, ...warnings.map(line))
        : el("p", { class: "none" }, "No warnings."),
    ]);
  });
}

function line({ step, warm_start, smell, text }) {
  const where = `${warm_start ? "Warm start, step" : "Step"} ${step}`;
  return el("li", {}, el("b", {}, where), smell ? [" ", smell, ": "].join("") : ": ", text);
}
