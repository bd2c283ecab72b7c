/** Light or dark: as the system, until somebody chooses. */
class Theme {
  isDark = $state(document.documentElement.dataset.theme === "dark");

  toggle(): void {
    this.isDark = !this.isDark;
    const name = this.isDark ? "dark" : "light";
    document.documentElement.dataset.theme = name;
    try {
      localStorage.setItem("waypost.theme", name);
    } catch {
      // Storage is off: the choice holds for this page.
    }
  }
}

export const theme = new Theme();
