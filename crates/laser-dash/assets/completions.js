// Responses: choosing among them, and one whole.
import { get } from "./api.js";
import { arrows, el, field, number, options, say, settled } from "./dom.js";
import { shown, tellProblems } from "./runs.js";
import { choose, state } from "./state.js";

/** Responses of a page. */
const PAGE = 50;
const panel = document.getElementById("panel-completions");
let lastList = "";
let lastRow = "";

/** A select that sets a part of what is chosen, and goes to the first page. */
function select(name) {
  const input = el("select", { onchange: () => choose({ [name]: input.value, from: 0, row: "" }) });
  return input;
}
function limit(name, text) {
  const input = el("input", { type: "number", step: "0.1", placeholder: text, oninput: settled(() => choose({ [name]: input.value, from: 0 })) });
  return input;
}
const run = select("run");
const file = select("file");
const correct = select("correct");
const finish = select("finish");
const sort = select("sort");
const min = limit("min", "any");
const max = limit("max", "any");
const q = el("input", { type: "search", placeholder: "text", oninput: settled(() => choose({ q: q.value, from: 0 })) });
/** What `/` leads to. */
export const search = q;
const problems = el("div", { role: "status" });
const count = el("output");
const before = el("button", { type: "button", onclick: () => turn(-PAGE) }, "Previous");
const after = el("button", { type: "button", onclick: () => turn(PAGE) }, "Next");
const list = el("ol", { class: "rows", "aria-label": "Responses" });
const detail = el("article", { class: "detail", tabindex: "-1", "aria-label": "The chosen response" });

panel.append(
  el("div", { class: "controls" },
    field("Run", run), field("Step", file), field("Verifier", correct), field("Ended by", finish),
    field("Self-reward from", min), field("to", max), field("Search", q), field("Sort", sort)),
  problems,
  el("div", { class: "browser" },
    el("div", {}, el("div", { class: "pager" }, before, count, after), list),
    detail),
);
options(correct, [["", "right or wrong"], ["right", "right"], ["wrong", "wrong"]], "");
options(sort, [["", "as in the file"], ["highest", "self-reward, highest"], ["lowest", "self-reward, lowest"], ["believed", "wrong but believed"], ["doubted", "right but doubted"]], "");
arrows(list, () => [...list.querySelectorAll("button")], ["ArrowUp", "ArrowDown"]);
list.addEventListener("focusin", (event) => event.target.dataset.row && choose({ row: event.target.dataset.row }));

function turn(by) {
  choose({ from: Math.max(0, Number(state.from) + by), row: "" });
  list.scrollTop = 0;
}

/** The run whose responses are shown: the one that was named, or the first of the chosen ones. */
export function named() {
  const all = shown();
  return all.find((r) => r.id === state.run) ?? all[0];
}

/** Names of the files with responses, for a select. */
export function fileNames(files) {
  return files.map((f) => [f.name, f.step == null ? "final test" : `step ${f.step}`]);
}

/** Shows what is chosen. */
export async function refresh() {
  const current = named();
  options(run, shown().map((r) => [r.id, r.name]), current?.id ?? "");
  correct.value = state.correct;
  sort.value = state.sort;
  for (const [input, name] of [[min, "min"], [max, "max"], [q, "q"]]) {
    if (document.activeElement !== input) input.value = state[name];
  }
  if (!current) {
    tellProblems(problems, ["Choose a run above."]);
    list.replaceChildren();
    detail.replaceChildren();
    lastList = lastRow = "";
    return;
  }
  const { files, left_out } = await get(`/api/runs/${current.id}/files`, {}, "files");
  options(file, [["", "all steps"], ...fileNames(files)], files.some((f) => f.name === state.file) ? state.file : "");
  const asked = { file: file.value, correct: state.correct, finish: state.finish, min: state.min, max: state.max, q: state.q, sort: state.sort, offset: state.from, limit: PAGE };
  const now = JSON.stringify([current.id, asked, files, current.version]);
  if (now !== lastList) {
    const answer = await get(`/api/runs/${current.id}/responses`, asked, "responses");
    const notes = answer.unreadable.slice();
    if (left_out) notes.push(`${left_out} of ${files.length + left_out} files of responses are left out, evenly over the steps.`);
    if (!answer.total) notes.push("This run has written no responses yet.");
    tellProblems(problems, notes);
    options(finish, [["", "anything"], ...answer.finishes.map((f) => [f, f])], state.finish);
    showList(answer);
    lastList = now;
  }
  for (const button of list.querySelectorAll("button")) button.toggleAttribute("aria-current", button.dataset.row === state.row);
  await showDetail(current);
}

function showList({ rows, matched, total, offset }) {
  const end = Math.min(offset + PAGE, matched);
  say(count, matched ? `${offset + 1}–${end} of ${matched}${matched < total ? ` (${total} in all)` : ""}` : `none of ${total}`);
  before.disabled = offset === 0;
  after.disabled = end >= matched;
  const focused = document.activeElement?.dataset?.row;
  list.replaceChildren(...rows.map((row) => el("li", {}, item(row))));
  if (focused) list.querySelector(`[data-row="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
}

function item(row) {
  const name = `${row.file}/${row.index}`;
  const step = row.step == null ? "test" : `step ${row.step}`;
  return el("button", { type: "button", "data-row": name, onclick: () => open(name) },
    mark(row.correct),
    el("span", { class: "row-score" }, row.self_reward == null ? "no score" : number(row.self_reward, 2)),
    el("span", { class: "row-step" }, row.finish && row.finish !== "stop" ? `${step}, ${row.finish}` : step),
    el("span", { class: "row-text" }, row.response || "(empty)"));
}

function open(name) {
  choose({ row: name }, true);
  // On a narrow screen the response stands below the list.
  if (matchMedia("(max-width: 860px)").matches) detail.scrollIntoView({ block: "start" });
}

function mark(correct) {
  const [kind, text] = correct === true ? ["better", "✓ right"] : correct === false ? ["worse", "✗ wrong"] : ["same", "? unjudged"];
  return el("span", { class: `mark ${kind}` }, text);
}

async function showDetail(current) {
  const now = `${current.id} ${state.row}`;
  if (now === lastRow) return;
  if (!state.row) {
    detail.replaceChildren(el("p", { class: "none" }, "Choose a response to read it."));
    lastRow = now;
    return;
  }
  const [name, index] = state.row.split("/");
  const answer = await get(`/api/runs/${current.id}/responses/${encodeURIComponent(name)}/${encodeURIComponent(index)}`, {}, "response").catch((error) => {
    if (error.status !== 404) throw error;
    return null;
  });
  lastRow = now;
  if (!answer) {
    detail.replaceChildren(el("p", { class: "none" }, "This response is not among those of this run."));
    return;
  }
  const r = answer.response;
  const text = (value) => (value == null ? "–" : typeof value === "string" ? value : JSON.stringify(value));
  const digits = (value, n) => (typeof value === "number" ? number(value, n) : text(value));
  const parts = Object.entries(r.reward_parts ?? {}).map(([part, value]) => [`reward: ${part}`, digits(value, 3)]);
  const facts = [
    ["gold", text(r.gold)], ["extracted", text(r.extracted)], ["self-reward r_s", digits(r.self_reward, 3)], ["log p(z_c), nats", digits(r.self_logprob, 3)],
    ["reward r_v", digits(r.reward, 2)], ...parts, ["advantage", digits(r.advantage, 3)], ["length, tokens", text(r.length)], ["ended by", text(r.finish)],
    ["where", `${answer.file}, response ${answer.index + 1}`],
  ];
  const agrees = typeof r.self_reward === "number" && typeof r.correct === "boolean" ? ((r.self_reward > 0.5) === r.correct ? "the self-reward agrees" : "the self-reward disagrees") : "";
  detail.replaceChildren(
    el("div", { class: "head" }, mark(r.correct), el("span", { class: "verdict" }, agrees)),
    el("h3", {}, "Prompt"), el("pre", { tabindex: "0" }, text(r.prompt)),
    el("h3", {}, "Response"), el("pre", { tabindex: "0" }, text(r.response)),
    el("dl", { class: "facts" }, ...facts.map(([term, value]) => el("div", {}, el("dt", {}, term), el("dd", {}, value)))));
}
