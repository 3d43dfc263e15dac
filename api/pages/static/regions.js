// Regions of the page that draw themselves anew from the server: one request at a time each, bursts become one.

export class Region {
  #running = false;
  #wanted = false;

  // pauseMs: at least so long between two drawings. ready: resolves when the page may be drawn on.
  constructor(id, pauseMs, drawn = () => {}, ready = () => {}) {
    this.id = id;
    this.pauseMs = pauseMs;
    this.drawn = drawn;
    this.ready = ready;
  }

  async refresh() {
    this.#wanted = true;
    if (this.#running) return;
    this.#running = true;
    while (this.#wanted) {
      await this.ready();
      this.#wanted = false;
      try {
        // The region is its own source: htmx queues requests of one source, and keeps only the last in the queue.
        const here = `#${this.id}`;
        await htmx.ajax("GET", `/desk/${this.id}`, { source: here, target: here, swap: "morph:outerHTML" });
        this.drawn();
      } catch {
        this.#wanted = true; // the server is away: the stream notices, too; try again after the pause
        await pause(2000);
      }
      await pause(this.pauseMs);
    }
    this.#running = false;
  }
}

function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
