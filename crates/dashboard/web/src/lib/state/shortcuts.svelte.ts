/** Keys that do something by themselves: outside of fields, and only if they are turned on. */
const KEY = "waypost.shortcuts";
const FIELDS =
  "input, textarea, select, [contenteditable], [role=grid], [role=menu], [role=dialog]";

export const SHORTCUTS = [
  { keys: "D E H W T M Y", does: "ranges: today, yesterday, 24 hours, 7 and 30 days, month, year" },
  { keys: "C", does: "compare with the period before, or not" },
  { keys: "F", does: "filter" },
  { keys: "J K, ↑ ↓", does: "move in the rows of a report" },
  { keys: "X", does: "select a row" },
  { keys: "← →", does: "close and open the rows below; move in a chart" },
  { keys: "Ctrl K", does: "go to or do" },
  { keys: "Ctrl Z", does: "undo what the last message says" },
  { keys: "?", does: "this list" },
];

class Shortcuts {
  areOn = $state(read());
  isListOpen = $state(false);

  set(areOn: boolean): void {
    this.areOn = areOn;
    try {
      localStorage.setItem(KEY, areOn ? "on" : "off");
    } catch {
      // Storage is off: the choice holds for this page.
    }
  }

  /** The letter that was pressed as a shortcut, in upper case, or an empty text. */
  pressed(event: KeyboardEvent): string {
    if (!this.areOn || event.ctrlKey || event.metaKey || event.altKey) return "";
    const isTyping = (event.target as Element).closest(FIELDS) !== null;
    return isTyping || event.key.length !== 1 ? "" : event.key.toUpperCase();
  }
}

function read(): boolean {
  try {
    return localStorage.getItem(KEY) !== "off";
  } catch {
    return true;
  }
}

export const shortcuts = new Shortcuts();
