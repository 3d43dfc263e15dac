// The live stream: remembers the last number, comes back with it, and says how it stands.
//
// The server sends a beat every 15 s. Two missed beats, or 10 s without a connection: what is shown is stale.

const SILENCE_MS = 35_000;
const RETRY_MS = [500, 1000, 2000, 5000];
const STALE_AFTER_MS = 10_000;

export function follow({ position, kinds, onEvent, onReset, onState }) {
  let last = position;
  let source = null;
  let heardAt = Date.now();
  let lostAt = null;
  let tries = 0;
  let retry = null;

  function heard(event) {
    heardAt = Date.now();
    if (event.lastEventId) last = Number(event.lastEventId);
  }

  function opened() {
    heardAt = Date.now();
    lostAt = null;
    tries = 0;
    onState("live");
  }

  async function lost() {
    source.close();
    lostAt ??= Date.now();
    onState(Date.now() - lostAt > STALE_AFTER_MS ? "stale" : "reconnecting");
    clearTimeout(retry);
    retry = setTimeout(connect, RETRY_MS[Math.min(tries++, RETRY_MS.length - 1)]);
    if (tries > 1 && (await signedOut())) location.assign("/login");
  }

  function connect() {
    source = new EventSource(`/api/v1/live?after=${last}`);
    source.addEventListener("open", opened);
    source.addEventListener("error", lost);
    source.addEventListener("beat", heard);
    source.addEventListener("reset", (event) => { heard(event); onReset(); });
    for (const kind of kinds) {
      source.addEventListener(kind, (event) => { heard(event); onEvent(kind, JSON.parse(event.data)); });
    }
  }

  setInterval(() => {
    if (lostAt === null && Date.now() - heardAt > SILENCE_MS) lost();
    else if (lostAt !== null && Date.now() - lostAt > STALE_AFTER_MS) onState("stale");
  }, 1000);
  connect();
}

async function signedOut() {
  try {
    const answer = await fetch("/api/v1/alerts?limit=1", { signal: AbortSignal.timeout(5000) });
    return answer.status === 401;
  } catch {
    return false;
  }
}
