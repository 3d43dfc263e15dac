// The queue of alerts under a mouse: what a person aims at stays there, and a press never answers another alert.
//
// While the pointer moves or presses on an answer, drawing waits until it rests, at most MAX_HOLD_MS. When the queue
// moved under the pointer all the same, presses are refused for so long as a person needs to see it.

const REST_MS = 1000;
const MAX_HOLD_MS = 2000;
const NOTICE_MS = 600;

let pointer = null; // where it was last, in pixels of the window; null: it has left, or there is none
let activeAt = -Infinity;
let pressed = null; // id of the alert whose button is held down
let movedAt = -Infinity;

const now = () => performance.now();

function alertUnder(point) {
  return document.elementFromPoint(point.x, point.y)?.closest(".alert")?.dataset.alert ?? null;
}

function isAiming() {
  return now() - activeAt < REST_MS;
}

// Resolves when the queue may be drawn.
export async function steady() {
  const began = now();
  while (isAiming() && now() - began < MAX_HOLD_MS) await new Promise((resolve) => setTimeout(resolve, 50));
}

function follow(event) {
  pointer = { x: event.clientX, y: event.clientY };
  activeAt = event.target.closest?.('.alert[data-state="raised"] .answer') ? now() : -Infinity;
}

document.addEventListener("pointermove", follow, { passive: true });
document.addEventListener("pointerdown", (event) => {
  follow(event);
  pressed = event.target.closest("[data-acknowledge]")?.closest(".alert").dataset.alert ?? null;
});
document.documentElement.addEventListener("pointerleave", () => { pointer = null; activeAt = -Infinity; });

// Any drawing of the queue, also the one that follows one's own answer.
let before = null;
document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.target.id === "alerts" && pointer) before = alertUnder(pointer);
});
document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target.id === "alerts" && pointer && alertUnder(pointer) !== before) movedAt = now();
});

// Presses by mouse or finger that came too soon, or began on another alert, go nowhere; keys (detail 0) always count.
export function refuseMisses(onRefused) {
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-acknowledge]");
    if (!button || event.detail === 0) return;
    const other = pressed !== null && pressed !== button.closest(".alert").dataset.alert;
    pressed = null;
    if (!other && now() - movedAt > NOTICE_MS) return void (activeAt = -Infinity);
    event.stopImmediatePropagation();
    event.preventDefault();
    onRefused();
  }, { capture: true });
}
