// Self-rewards of right and wrong responses, and their reliability, step by step.
import { get } from "./api.js";
import { el, field, narrow, options, say } from "./dom.js";
import { fileNames, named } from "./completions.js";
import { Holder } from "./figures.js";
import { shown, tellProblems } from "./runs.js";
import { choose, state } from "./state.js";

/** Milliseconds that a step is shown while playing. */
const PACE = 900;
const panel = document.getElementById("panel-calibration");
let names = [];
let last = "";
let timer = 0;

const run = el("select", { onchange: () => choose({ run: run.value, at: "" }) });
const slider = el("input", { type: "range", min: "0", step: "1", oninput: () => choose({ at: names[slider.value]?.[0] ?? "" }) });
const says = el("output");
const button = el("button", { type: "button", onclick: () => play() }, "Play");
const counts = el("p", { class: "lead", role: "status" });
const problems = el("div", { role: "status" });
const scores = new Holder("Histogram of self-rewards");
const reliability = new Holder("Reliability diagram");
const grid = el("div", { class: "grid halves" }, scores.element, reliability.element);
panel.append(
  el("div", { class: "controls" }, field("Run", run), el("label", {}, el("span", {}, "Step"), slider, says), button),
  problems, counts, grid,
);

/** Shows what is chosen: the last file where none is. */
export async function refresh() {
  const current = named();
  options(run, shown().map((r) => [r.id, r.name]), current?.id ?? "");
  if (!current) return nothing("Choose a run above.");
  const { files } = await get(`/api/runs/${current.id}/files`, {}, "files");
  names = fileNames(files);
  if (!names.length) return nothing("This run has written no responses yet.");
  slider.max = String(names.length - 1);
  const found = names.findIndex(([name]) => name === state.at);
  const at = found < 0 ? names.length - 1 : found;
  slider.value = String(at);
  slider.setAttribute("aria-valuetext", names[at][1]);
  say(says, names[at][1]);
  const now = JSON.stringify([current.id, current.version, names, at, narrow()]);
  if (now === last) return;
  const answer = await get(`/api/runs/${current.id}/calibration`, { file: names[at][0], narrow: narrow() }, "calibration");
  last = now;
  tellProblems(problems, answer.figures ? [] : ["No response of this step has a self-reward and a judgement."]);
  grid.hidden = !answer.figures;
  if (answer.figures) {
    scores.show(answer.figures[0]);
    reliability.show(answer.figures[1]);
  }
  const without = answer.without_score ? `, ${answer.without_score} without a self-reward or a judgement` : "";
  say(counts, `${answer.right} right and ${answer.wrong} wrong responses${without}.`);
}

function nothing(why) {
  stop();
  tellProblems(problems, [why]);
  say(counts, "");
  grid.hidden = true;
  last = "";
}

/** Plays over the steps from where it is, from the start if that is the end; or stops. */
export function play() {
  if (timer) return stop();
  if (names.length < 2) return;
  if (Number(slider.value) >= names.length - 1) choose({ at: names[0][0] });
  say(button, "Stop");
  timer = setInterval(() => {
    const next = Number(slider.value) + 1;
    if (next >= names.length || state.tab !== "calibration") return stop();
    choose({ at: names[next][0] });
  }, PACE);
}

function stop() {
  clearInterval(timer);
  timer = 0;
  say(button, "Play");
}
