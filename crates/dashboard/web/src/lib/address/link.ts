/** Addresses of the dashboard's own pages. */
import { addressOf, router } from "./router.svelte";

/** Range and filters that a screen hands on to the one it opens. */
const KEPT = ["from", "to", "vs"];

export function screenAddress(screen: string, parameters: Record<string, string> = {}): string {
  return addressOf(`/a/${router.place.account}/${screen}`, new URLSearchParams(parameters));
}

/** The same with the present range, and the present filters if `filters` is true. */
export function openedFromHere(
  screen: string,
  parameters: Record<string, string | null>,
  filters: Record<string, string> = {},
): string {
  const query = new URLSearchParams();
  for (const name of KEPT) {
    const value = router.query.get(name);
    if (value !== null) query.set(name, value);
  }
  for (const [name, value] of Object.entries(filters)) query.set(name, value);
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== null) query.set(name, value);
  }
  return addressOf(`/a/${router.place.account}/${screen}`, query);
}

export function accountName(account: { id: number; slug?: string | null }): string {
  return account.slug ?? String(account.id);
}
