/** The fields of an offer as they are typed, and what of them differs from what is saved. */
import type { Schemas } from "$lib/api/client";

export type Offer = Schemas["OfferObject"];

export interface OfferDraft {
  name: string;
  tracking_url: string;
  payout: string;
  click_window_days: string;
  fallback_url: string;
  filter_bots: "account" | "yes" | "no";
}

export const FIELD_NAMES: Record<keyof OfferDraft, string> = {
  name: "name",
  tracking_url: "destination",
  payout: "payout",
  click_window_days: "credit window",
  fallback_url: "fallback",
  filter_bots: "bots",
};

export function draftOf(offer: Offer): OfferDraft {
  return {
    name: offer.name,
    tracking_url: offer.tracking_url ?? "",
    payout: offer.payout ?? "",
    click_window_days: String(offer.click_window_days),
    fallback_url: offer.fallback_url ?? "",
    filter_bots: offer.filter_bots === null ? "account" : offer.filter_bots ? "yes" : "no",
  };
}

export function changedFields(saved: OfferDraft, draft: OfferDraft): (keyof OfferDraft)[] {
  return (Object.keys(saved) as (keyof OfferDraft)[]).filter((name) => saved[name] !== draft[name]);
}

/** Only what has changed is sent; an empty text clears a value. */
export function requestOf(
  draft: OfferDraft,
  changed: (keyof OfferDraft)[],
): Schemas["OfferRequest"] {
  const request: Schemas["OfferRequest"] = {};
  for (const name of changed) {
    if (name === "click_window_days") request.click_window_days = Number(draft.click_window_days);
    else if (name === "filter_bots") {
      request.filter_bots = draft.filter_bots === "account" ? "" : draft.filter_bots === "yes";
    } else request[name] = draft[name].trim();
  }
  return request;
}
