// What is chosen. It lives in the address, so that a copy of the address shows the same.

const usual = {
  tab: "curves",
  runs: "", // id.slot,…; "-" for none
  x: "step",
  smooth: "20", // per mille of the run
  log: "",
  open: "overview", // groups of curves that are open
  find: "", // part of a curve's key
  run: "", // whose responses and calibration are shown
  file: "",
  correct: "",
  finish: "",
  min: "",
  max: "",
  q: "",
  sort: "",
  from: "0", // the first response of the page
  row: "", // file/index of the response that is open
  at: "", // the file whose calibration is shown
};

/** What is chosen; changed by `choose` alone. */
export const state = { ...usual };
const listeners = [];

/** Calls `f` with the names of what has changed. */
export function changed(f) {
  listeners.push(f);
}

/** Changes what is chosen; with `remember` the way back is one step of the browser's history. */
export function choose(changes, remember = false) {
  const names = Object.keys(changes).filter((name) => state[name] !== String(changes[name]));
  if (!names.length) return;
  for (const name of names) state[name] = String(changes[name]);
  const address = "#" + written();
  if (remember) history.pushState(null, "", address);
  else history.replaceState(null, "", address);
  tell(names);
}

/** Takes what is chosen from the address. */
export function read() {
  const given = new URLSearchParams(location.hash.slice(1));
  const names = [];
  for (const name of Object.keys(usual)) {
    const value = given.get(name) ?? usual[name];
    if (state[name] !== value) names.push(name);
    state[name] = value;
  }
  tell(names);
}

function written() {
  const other = Object.entries(state).filter(([name, value]) => value !== usual[name]);
  // Commas and slashes may stand in a fragment, and are easier to read there.
  return new URLSearchParams(other).toString().replaceAll("%2C", ",").replaceAll("%2F", "/");
}

function tell(names) {
  if (names.length) listeners.forEach((f) => f(names));
}

/** The chosen runs: [id, slot] in the order in which they were chosen. */
export function chosen() {
  if (state.runs === "-") return [];
  const words = state.runs.split(",").filter(Boolean);
  return words.map((word) => [word.split(".")[0], Number(word.split(".")[1] ?? 0)]);
}

/** Chooses runs. */
export function chooseRuns(pairs) {
  choose({ runs: pairs.map(([id, slot]) => `${id}.${slot}`).join(",") || "-" });
}

addEventListener("popstate", read);
