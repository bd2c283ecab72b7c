/** What is typed into the form for a new link, kept until the link is made. */
export interface Draft {
  kind: "address" | "offer";
  url: string;
  offerId: string;
  listId: string;
  slug: string;
  ends: string;
}

export const EMPTY: Draft = {
  kind: "address",
  url: "",
  offerId: "",
  listId: "",
  slug: "",
  ends: "",
};

function key(accountId: number): string {
  return `waypost.draft.link.${accountId}`;
}

export function readDraft(accountId: number): Draft {
  try {
    const kept: unknown = JSON.parse(sessionStorage.getItem(key(accountId)) ?? "null");
    if (typeof kept === "object" && kept !== null) return { ...EMPTY, ...kept };
  } catch {
    // What is not readable is no draft.
  }
  return { ...EMPTY };
}

export function keepDraft(accountId: number, draft: Draft): void {
  sessionStorage.setItem(key(accountId), JSON.stringify(draft));
}

export function dropDraft(accountId: number): void {
  sessionStorage.removeItem(key(accountId));
}
