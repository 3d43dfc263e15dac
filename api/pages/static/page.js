// What every page has: light or dark, kept in a cookie so that the server draws it right the next time.

const root = document.documentElement;

function isDark() {
  if (root.dataset.theme === "auto") return matchMedia("(prefers-color-scheme: dark)").matches;
  return root.dataset.theme === "dark";
}

document.querySelector("[data-theme-toggle]")?.addEventListener("click", () => {
  root.dataset.theme = isDark() ? "light" : "dark";
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `theme=${root.dataset.theme}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`;
});
