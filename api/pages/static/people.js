// People: each button is one request to the JSON API; portraits go straight to the edge.

const words = document.getElementById("page-words").dataset;
const outcome = document.getElementById("outcome");
const EDGE_TIMEOUT_MS = 30_000;
const ARRIVAL_POLL_MS = 1000;
const ARRIVAL_POLLS = 20;

function tell(text) {
  outcome.textContent = text;
  outcome.hidden = false;
  outcome.scrollIntoView({ block: "nearest" });
}

async function send(method, url, body) {
  const answer = await fetch(url, {
    method,
    headers: body ? { "Content-Type": "application/json" } : {},
    body: body ? JSON.stringify(body) : undefined,
    signal: AbortSignal.timeout(15_000),
  });
  if (answer.ok) return answer.status === 204 ? null : answer.json();
  const problem = await answer.json().catch(() => ({}));
  throw new Error(problem.detail || words.failed);
}

async function sendAndReload(method, url, body) {
  try {
    await send(method, url, body);
    location.reload();
  } catch (error) {
    tell(error.message);
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-send]");
  if (!button || (button.dataset.sure && !confirm(button.dataset.sure))) return;
  const { send: method, url, fingerprint } = button.dataset;
  sendAndReload(method, url, fingerprint ? { fingerprint } : undefined);
});

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.id === "add-person") addPerson(form);
  else if (form.dataset.enrol) enrol(form);
  else if (form.dataset.consentForm) giveConsent(form);
  else return;
  event.preventDefault();
});

// One sheet is open at a time; Escape or a click elsewhere closes it.
function closeSheets(except) {
  for (const sheet of document.querySelectorAll(".actions details[open]")) if (sheet !== except) sheet.open = false;
}
document.addEventListener("click", (event) => closeSheets(event.target.closest(".actions details")));
document.addEventListener("keydown", (event) => { if (event.key === "Escape") closeSheets(null); });

function addPerson(form) {
  const entered = new FormData(form);
  const until = entered.get("valid_until");
  sendAndReload("PUT", `/api/v1/subjects/${newKey()}`, {
    name: entered.get("name"),
    kind: entered.get("kind"),
    checkpoints: entered.getAll("checkpoints"),
    valid_until: until ? new Date(until).toISOString() : null,
    born: entered.get("born") || null,
  });
}

// crypto.randomUUID exists on https and localhost only; an estate's own network may have neither.
function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

function giveConsent(form) {
  const entered = new FormData(form);
  const { consentForm: url, notice: notice_version, locale } = form.dataset;
  const consent = { notice_version, locale, channel: "desk", given_by: "self", reopened: entered.has("reopened") };
  if (entered.has("ref")) {
    consent.given_by = "guardian";
    consent.guardian = { ref: entered.get("ref"), relation: entered.get("relation"), evidence: entered.get("evidence") };
  }
  sendAndReload("POST", url, consent);
}

async function enrol(form) {
  const entered = new FormData(form);
  const button = form.querySelector("button");
  const { subject, name } = form.closest("[data-subject]").dataset;
  button.disabled = true;
  tell(words.sending);
  try {
    const { ticket, enrol_url } = await send("POST", form.dataset.enrol, { edge: entered.get("edge") });
    const portrait = new FormData();
    portrait.set("ticket", ticket);
    portrait.set("portrait", entered.get("portrait"));
    const refusal = await postPortrait(enrol_url, portrait);
    if (refusal !== null) return tell(refusal);
    form.reset();
    form.closest("details").open = false;
    tell(words.made.replace("{name}", name));
    tell(((await arrived(subject)) ? words.enrolled : words.late).replace("{name}", name));
  } catch (error) {
    tell(error.message);
  } finally {
    button.disabled = false;
  }
}

// The sealed template comes from the edge by way of the core: the person's row is drawn anew until it is there.
async function arrived(subject) {
  const row = `#person-${subject}`;
  for (let polls = 0; polls < ARRIVAL_POLLS; polls++) {
    await htmx.ajax("GET", `/people/${subject}`, { source: row, target: row, swap: "morph:outerHTML" });
    if (document.querySelector(`${row} [data-template="yes"]`)) return true;
    await new Promise((resolve) => setTimeout(resolve, ARRIVAL_POLL_MS));
  }
  return false;
}

// Null, or why the edge did not take the portrait.
async function postPortrait(url, portrait) {
  let answer;
  try {
    answer = await fetch(`${url.replace(/\/+$/, "")}/v1/enrolments`, { method: "POST", body: portrait, signal: AbortSignal.timeout(EDGE_TIMEOUT_MS) });
  } catch {
    return words.unreachable;
  }
  if (answer.ok) return null;
  const problem = await answer.json().catch(() => ({}));
  const detail = document.documentElement.lang.startsWith("zh") ? problem.detail_zh : problem.detail;
  return words.refused.replace("{detail}", detail ?? answer.status);
}
