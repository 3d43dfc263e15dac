// Clock and "how long ago", by the server's clock, not by this computer's.

const words = document.getElementById("page-words").dataset;
const ahead = Date.parse(document.documentElement.dataset.now) - Date.now();
const clock = document.getElementById("clock");
const clockFormat = new Intl.DateTimeFormat("zh-CN", {
  timeZone: clock.dataset.timezone, hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
});

export function serverNow() {
  return Date.now() + ahead;
}

function ago(since) {
  const seconds = Math.max(0, Math.floor((serverNow() - since) / 1000));
  if (seconds < 5) return words.agoNow;
  if (seconds < 60) return words.agoSeconds.replace("{n}", seconds);
  if (seconds < 3600) return words.agoMinutes.replace("{n}", Math.floor(seconds / 60));
  if (seconds < 86_400) return words.agoHours.replace("{n}", Math.floor(seconds / 3600));
  return words.agoDays.replace("{n}", Math.floor(seconds / 86_400));
}

export function tick() {
  clock.textContent = clockFormat.format(serverNow());
  for (const time of document.querySelectorAll("time[data-ago]")) {
    const text = ago(Date.parse(time.dateTime));
    if (time.textContent !== text) time.textContent = text;
  }
}

setInterval(tick, 1000);
tick();
