/** The palette's state, and what it can open. */
import { screenAddress } from "$lib/address/link";
import { PRESETS } from "$lib/address/range";
import { copyText } from "$lib/browser";
import { router } from "$lib/address/router.svelte";
import { canBeCombined, DIMENSIONS } from "$lib/report/dimensions";
import { session } from "$lib/state/session.svelte";
import { shortcuts } from "$lib/state/shortcuts.svelte";
import { theme } from "$lib/state/theme.svelte";
import { words } from "$lib/words";
import { SCREENS } from "./screens";

export interface Command {
  group: "Go to" | "Report" | "Do";
  text: string;
  /** Opens an address, which a new tab can too, or does something. */
  to?: string;
  run?: () => void;
}

class Palette {
  isOpen = $state(false);

  show(): void {
    this.isOpen = true;
  }
}

export const palette = new Palette();

/** All commands for what was typed; `typed` also finds what the API knows by that id. */
export function commands(typed: string): Command[] {
  const all: Command[] = [];
  for (const screen of SCREENS.filter((one) => session.may(one.scope))) {
    all.push({
      group: "Go to",
      text: words.screens[screen.name],
      to: screenAddress(screen.name),
    });
  }
  const sought = typed.trim();
  if (session.may("reports:read")) {
    all.push(...found(sought));
    for (const dimension of DIMENSIONS.filter(canBeCombined)) {
      const text = `Report by ${words.dimensions[dimension].toLowerCase()}`;
      all.push({ group: "Report", text, to: screenAddress("reports", { rows: dimension }) });
    }
    for (const preset of PRESETS) {
      const text = `Overview, ${words.presets[preset.name].toLowerCase()}`;
      all.push({
        group: "Report",
        text,
        to: screenAddress("overview", { from: preset.name }),
      });
    }
  }
  if (session.may("links:write")) {
    all.push({ group: "Do", text: "New link", to: screenAddress("links", { open: "new" }) });
  }
  const other = theme.isDark ? "light" : "dark";
  all.push({ group: "Do", text: `Switch to ${other}`, run: () => theme.toggle() });
  all.push({ group: "Do", text: "Keys", run: () => (shortcuts.isListOpen = true) });
  all.push({ group: "Do", text: "Copy the address of this page", run: copyAddress });
  const wanted = sought.toLowerCase().split(/\s+/).filter(Boolean);
  return all.filter(
    (command) =>
      command.text.includes(sought) ||
      wanted.every((word) => command.text.toLowerCase().includes(word)),
  );
}

/** What the text may be the id of. */
function found(text: string): Command[] {
  const to = (screen: string, parameters: Record<string, string>): string =>
    screenAddress(screen, { from: "30d", ...parameters });
  if (/^\+[1-9]\d{6,14}$/.test(text)) {
    return [
      {
        group: "Go to",
        text: `Clicks of ${text}`,
        to: to("clicks", { contact_phone: text }),
      },
    ];
  }
  if (/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f-]{22}$/.test(text)) {
    return [{ group: "Go to", text: `Click ${text}`, to: screenAddress(`clicks/${text}`) }];
  }
  if (/^[A-Za-z0-9_-]{3,64}$/.test(text)) {
    return [
      {
        group: "Go to",
        text: `Clicks of the link ${text}`,
        to: to("clicks", { link_id: text }),
      },
      {
        group: "Go to",
        text: `Conversions of the order ${text}`,
        to: to("conversions", { txn_id: text }),
      },
    ];
  }
  return [];
}

function copyAddress(): void {
  void copyText(router.url.href);
}
