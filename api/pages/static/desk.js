// The control room: follows the stream, draws what changed, and answers to the keyboard.

import { Region } from "./regions.js";
import { refuseMisses, steady } from "./steady.js";
import { follow } from "./stream.js";
import { serverNow, tick } from "./times.js";

const words = document.getElementById("page-words").dataset;
const link = document.getElementById("link");
const viewer = document.getElementById("viewer");
const seen = new Set(alertIds());
let selected = null;

const alerts = new Region("alerts", 0, alertsDrawn, steady);
const checkpoints = new Region("checkpoints", 300, tick);
const passages = new Region("passages", 300, tick);
const regions = [alerts, checkpoints, passages];

function showLink(state) {
  if (link.dataset.state === state) return;
  link.dataset.state = state;
  link.querySelector("[data-word]").textContent = link.dataset[`word${state[0].toUpperCase()}${state.slice(1)}`];
}

follow({
  position: Number(words.position),
  kinds: ["alert", "alert_changed", "passage", "picture", "checkpoint", "camera", "edge"],
  onState: showLink,
  onReset: () => regions.forEach((region) => region.refresh()),
  onEvent(kind, told) {
    if (kind === "alert" || kind === "alert_changed") alerts.refresh();
    else if (kind === "checkpoint") showGate(told);
    else if (kind === "passage") { passages.refresh(); checkpoints.refresh(); }
    else if (kind === "picture") { alerts.refresh(); passages.refresh(); }
    else checkpoints.refresh();
  },
});

// A gate moves at once, without waiting for the region to be drawn.
function showGate({ id, gate, held_open: held }) {
  const card = document.getElementById(`checkpoint-${id}`);
  if (!card) return;
  const state = held ? "held" : gate;
  card.dataset.gate = state;
  card.querySelector("[data-gate-word]").textContent = card.dataset[`word${state[0].toUpperCase()}${state.slice(1)}`];
}

// Cameras change without an event of their own (frames per second): look now and then.
setInterval(() => checkpoints.refresh(), 10_000);

function openAlerts() {
  return [...document.querySelectorAll('#alerts .alert[data-state="raised"]')];
}

function alertIds() {
  return openAlerts().map((alert) => alert.dataset.alert);
}

function alertsDrawn() {
  for (const alert of openAlerts()) {
    if (seen.has(alert.dataset.alert)) continue;
    seen.add(alert.dataset.alert);
    alert.classList.add("fresh");
    announce(alert);
    requestAnimationFrame(() => requestAnimationFrame(() => markShown(alert)));
  }
  tick();
  keepSelection();
}

function say(text) {
  document.getElementById("announcer").textContent = text;
}

function announce(alert) {
  say(words.newAlert.replace("{what}", alert.dataset.what).replace("{place}", alert.dataset.place));
}

// When a person could first see the alert, by the server's clock: what the demo's latency report reads.
function markShown(alert) {
  alert.dispatchEvent(new CustomEvent("anju:alert-shown", {
    bubbles: true, detail: { alert: alert.dataset.alert, at: new Date(serverNow()).toISOString() },
  }));
}

function select(alert) {
  selected = alert?.dataset.alert ?? null;
  alert?.focus();
}

function current() {
  const focused = document.activeElement?.closest?.('.alert[data-state="raised"]');
  return focused ?? openAlerts().find((alert) => alert.dataset.alert === selected) ?? null;
}

// The selected alert was answered (by whomever): go on with the one that took its place.
function keepSelection() {
  if (selected === null || viewer.open) return;
  const open = openAlerts();
  const still = open.find((alert) => alert.dataset.alert === selected);
  if (still) {
    if (document.activeElement === document.body) still.focus();
  } else {
    select(open[Math.min(selectedIndex, open.length - 1)]);
  }
}

let selectedIndex = 0;
function move(step) {
  const open = openAlerts();
  if (open.length === 0) return;
  const at = open.indexOf(current());
  selectedIndex = at < 0 ? 0 : Math.max(0, Math.min(open.length - 1, at + step));
  select(open[selectedIndex]);
}

function acknowledge() {
  const alert = current() ?? (openAlerts().length === 1 ? openAlerts()[0] : null);
  if (!alert) return move(0);
  selectedIndex = Math.max(0, openAlerts().indexOf(alert));
  selected = alert.dataset.alert;
  alert.querySelector("[data-acknowledge]").click();
}

function openPicture(button) {
  if (!button) return;
  const picture = document.getElementById("viewer-picture");
  picture.src = button.dataset.picture;
  picture.alt = button.dataset.caption;
  document.getElementById("viewer-title").textContent = button.dataset.caption;
  document.getElementById("viewer-reason").textContent = button.dataset.reason;
  viewer.showModal();
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-picture]");
  if (button) openPicture(button);
});

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || viewer.open) return;
  if (event.target.closest("input, select, textarea")) return;
  const key = event.key.toLowerCase();
  if (key === "j" || key === "arrowdown") move(1);
  else if (key === "k" || key === "arrowup") move(-1);
  else if (key === "a") acknowledge();
  else if (key === "enter" && !event.target.closest("button, a, summary")) openPicture(current()?.querySelector("[data-picture]"));
  else return;
  event.preventDefault();
});

// Seen as well as heard: who pressed looks at the queue.
refuseMisses(() => {
  say(words.moved);
  const notice = document.getElementById("moved");
  notice.hidden = false;
  clearTimeout(notice.hideLater);
  notice.hideLater = setTimeout(() => { notice.hidden = true; }, 4000);
});

document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.target.matches?.("[data-acknowledge]")) event.target.disabled = true;
});
document.addEventListener("htmx:afterRequest", (event) => {
  if (!event.target.matches?.("[data-acknowledge]")) return;
  event.target.disabled = false;
  if (event.detail.successful) return alertsDrawn();
  say(words.failed);
});
