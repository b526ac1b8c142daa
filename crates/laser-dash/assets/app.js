// The page: views, keys, and asking again and again for what is new.
import { get } from "./api.js";
import * as calibration from "./calibration.js";
import * as completions from "./completions.js";
import * as curves from "./curves.js";
import { arrows, say } from "./dom.js";
import { refreshRecipes, refreshWarnings } from "./recipes.js";
import { showRuns } from "./runs.js";
import { changed, choose, read, state } from "./state.js";

/** Milliseconds between two looks at the runs. */
const PACE = 2000;
const views = { curves: curves.refresh, completions: completions.refresh, calibration: calibration.refresh, recipes: refreshRecipes, warnings: refreshWarnings };
const names = Object.keys(views);
const connection = document.getElementById("connection");
const help = document.getElementById("help");
const tabs = names.map((name) => document.getElementById(`tab-${name}`));
let latest;
let again = false;
let working = false;

/** Asks what is new, and shows the chosen view; one at a time. */
async function update() {
  if (working) {
    again = true;
    return;
  }
  working = true;
  try {
    do {
      again = false;
      await attempt();
    } while (again);
  } finally {
    working = false;
  }
}

async function attempt() {
  try {
    latest = await get("/api/runs");
    showRuns(latest);
    showTab();
    await views[state.tab]();
    connected(true, "live");
  } catch (error) {
    // A later question took the place of this one.
    if (error.name === "AbortError") return;
    // fetch says no more than that it could not: TypeError.
    connected(false, error instanceof TypeError ? "no connection, trying again" : error.message);
  }
}

function connected(fine, text) {
  say(connection, text);
  connection.className = fine ? "live" : "lost";
}

function showTab() {
  if (!views[state.tab]) state.tab = names[0];
  names.forEach((name, i) => {
    const on = name === state.tab;
    tabs[i].setAttribute("aria-selected", String(on));
    tabs[i].tabIndex = on ? 0 : -1;
    document.getElementById(`panel-${name}`).hidden = !on;
  });
}

tabs.forEach((tab, i) => {
  tab.addEventListener("click", () => choose({ tab: names[i] }, true));
  tab.addEventListener("focus", () => choose({ tab: names[i] }, true));
});
arrows(document.getElementById("tabs"), () => tabs, ["ArrowLeft", "ArrowRight"]);

document.getElementById("ask").addEventListener("click", () => help.showModal());
document.getElementById("close").addEventListener("click", () => help.close());
document.getElementById("skip").addEventListener("click", (event) => {
  event.preventDefault();
  document.getElementById("panels").focus();
});

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || help.open) return;
  const target = event.target;
  const typing = target.matches("input:not([type=checkbox]):not([type=range]), select, textarea");
  if (typing) {
    if (event.key === "Escape") target.blur();
    return;
  }
  if (event.key === "?") help.showModal();
  else if (event.key === "/") {
    if (state.tab !== "completions" && state.tab !== "curves") choose({ tab: "curves" });
    showTab();
    (state.tab === "completions" ? completions : curves).search.focus();
  } else if (event.key === "p" && state.tab === "calibration") calibration.play();
  else if (names[Number(event.key) - 1]) tabs[Number(event.key) - 1].focus();
  else return;
  event.preventDefault();
});

changed(() => {
  if (latest) showRuns(latest);
  showTab();
  update();
});
document.addEventListener("visibilitychange", () => document.hidden || update());
read();
showTab();
update();
// A page that nobody sees asks for nothing.
setInterval(() => document.hidden || update(), PACE);
