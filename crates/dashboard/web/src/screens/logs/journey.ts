/** The events of a contact's journey, in words. */
import type { Schemas } from "$lib/api/client";
import { money } from "$lib/format/money";
import { duration, milliseconds } from "$lib/time";
import { inWords } from "$lib/words";

export interface JourneyStep {
  key: string;
  at: string;
  tone: "" | "person" | "bot" | "conv";
  text: string;
  after: string;
  clickId: string | null;
}

/** From the first to the last; the answer begins with the last. */
export function stepsOf(events: Schemas["JourneyEvent"][]): JourneyStep[] {
  const ordered = [...events].reverse();
  return ordered.map((event, i) => {
    const before = ordered[i - 1];
    const details = event.details as Record<string, unknown>;
    const clickId = text(details.click_id);
    return {
      key: `${event.type} ${clickId ?? text(details.conversion_id) ?? text(details.message_id)} ${event.at}`,
      at: event.at,
      tone: toneOf(event.type, details),
      text: sentence(event.type, details),
      after: before ? `${duration(milliseconds(event.at) - milliseconds(before.at))} after` : "",
      clickId: event.type === "click" ? clickId : null,
    };
  });
}

function text(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

function toneOf(type: string, details: Record<string, unknown>): JourneyStep["tone"] {
  if (type === "conversion") return "conv";
  if (type === "click") return details.is_bot ? "bot" : "person";
  return "";
}

function sentence(type: string, details: Record<string, unknown>): string {
  switch (type) {
    case "send":
      return `Message sent${details.status ? `: ${text(details.status)}` : ""}`;
    case "click":
      if (details.is_bot) return `Bot on ${text(details.link_id) ?? "a link"}`;
      return `${details.is_message_click ? "Person, first click" : "Person again"} on ${text(details.link_id) ?? "a link"}`;
    case "conversion": {
      const amount = text(details.amount);
      const currency = text(details.currency);
      const event = inWords(text(details.event) ?? "conversion");
      return amount && currency ? `${event} ${money(amount, currency)}` : event;
    }
    default:
      return inWords(type);
  }
}
