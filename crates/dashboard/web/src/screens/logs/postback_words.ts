/** What verdicts of postbacks mean, and what to do about them. */
export interface VerdictWords {
  name: string;
  tone: "good" | "warn" | "bad" | "";
  /** What was made of it. */
  made: string;
}

const KNOWN: Record<string, VerdictWords> = {
  stored: { name: "Stored", tone: "good", made: "stored as a conversion" },
  duplicate: { name: "Duplicate", tone: "", made: "its order was stored before" },
  pending: { name: "Waiting", tone: "warn", made: "its click has not come yet" },
  deleted: { name: "Deleted", tone: "", made: "the conversion was deleted by the account" },
  accepted: { name: "Accepted", tone: "good", made: "accepted, on its way to the database" },
  ignored: {
    name: "Ignored",
    tone: "",
    made: "the mapping says that such an event is not stored",
  },
  suppressed: {
    name: "Suppressed",
    tone: "warn",
    made: "so many came that only their number is kept",
  },
};

const REFUSALS: Record<string, string> = {
  missing_link_id:
    "It names no link, click or offer. Add link_id or click_id to the postback’s address.",
  link_not_found: "There is no such link. Check which macro the network puts into link_id.",
  invalid_click_id:
    "The click id is none of Waypost’s. Pass {click_id} to the network, and let it send it back.",
  missing_txn_id: "It names no order. Add txn_id, or every postback counts as the same order.",
  missing_offer_id: "It names no offer. Add offer_id to the postback’s address.",
};

export function verdictWords(verdict: string): VerdictWords {
  return (
    KNOWN[verdict] ?? {
      name: "Refused",
      tone: "bad",
      made: REFUSALS[verdict] ?? verdict.replaceAll("_", " "),
    }
  );
}

export function isRefused(verdict: string): boolean {
  return !(verdict in KNOWN);
}
