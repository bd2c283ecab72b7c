/**
 * The address of the page is its state. Choices add an entry to the browser's history, typing
 * replaces the last one.
 */

export interface Place {
  /** The slug or number in `/a/{account}`, or an empty text. */
  account: string;
  screen: string;
  id: string;
  tab: string;
}

class Router {
  #url = $state(new URL(location.href));
  readonly url: URL = $derived(this.#url);
  readonly query: URLSearchParams = $derived(this.#url.searchParams);
  readonly place: Place = $derived(placeOf(this.#url.pathname));

  constructor() {
    addEventListener("popstate", () => (this.#url = new URL(location.href)));
    document.addEventListener("click", (event) => this.#follow(event));
  }

  go(to: string, how: "add" | "replace" = "add"): void {
    const url = new URL(to, location.href);
    if (url.href === location.href) return;
    if (how === "add") history.pushState(null, "", url);
    else history.replaceState(null, "", url);
    const samePage = url.pathname === this.#url.pathname;
    this.#url = url;
    if (!samePage) scrollTo(0, 0);
  }

  /** Sets parameters of the present address; null takes one away. */
  set(changes: Record<string, string | null>, how: "add" | "replace" = "add"): void {
    this.go(this.with(changes), how);
  }

  /** The present address with other parameters. */
  with(changes: Record<string, string | null>): string {
    // eslint-disable-next-line svelte/prefer-svelte-reactivity -- a text is made of it here
    const query = new URLSearchParams(this.#url.searchParams);
    for (const [name, value] of Object.entries(changes)) {
      if (value === null) query.delete(name);
      else query.set(name, value);
    }
    return addressOf(this.#url.pathname, query);
  }

  /** Links of the dashboard change the address without loading the page again. */
  #follow(event: MouseEvent): void {
    if (event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = (event.target as Element).closest("a[href]");
    if (!(link instanceof HTMLAnchorElement) || link.target || link.hasAttribute("download"))
      return;
    const url = new URL(link.href);
    if (url.origin !== location.origin || !isPage(url.pathname)) return;
    if (url.pathname === location.pathname && url.hash) return;
    event.preventDefault();
    this.go(url.href);
  }
}

function isPage(path: string): boolean {
  return (
    path === "/" || ["/a/", "/sign-in", "/password-resets"].some((one) => path.startsWith(one))
  );
}

function placeOf(path: string): Place {
  const parts = path.split("/").slice(1).map(decodeURIComponent);
  if (parts[0] !== "a") return { account: "", screen: parts[0] ?? "", id: parts[1] ?? "", tab: "" };
  const [, account = "", screen = "", id = "", tab = ""] = parts;
  return { account, screen: screen || "overview", id, tab };
}

/** Commas and colons stay readable. */
export function addressOf(path: string, query: URLSearchParams): string {
  const text = query
    .toString()
    .replaceAll("%2C", ",")
    .replaceAll("%3A", ":")
    .replaceAll("%28none%29", "(none)");
  return text ? `${path}?${text}` : path;
}

export const router = new Router();
