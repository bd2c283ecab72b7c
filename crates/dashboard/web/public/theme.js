// Sets the theme before the first paint.
(() => {
  let chosen = null;
  try {
    chosen = localStorage.getItem("waypost.theme");
  } catch {
    // Storage is off: the system's theme.
  }
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = chosen || (dark ? "dark" : "light");
})();
