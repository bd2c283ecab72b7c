/** Filters of logs: each has one value, under the API's name. */
import { regionName } from "$lib/report/dimensions";
import { botReason, inWords } from "$lib/words";

export interface LogFilter {
  name: string;
  label: string;
}

const CLICKS: LogFilter[] = [
  { name: "verdict", label: "Verdict" },
  { name: "reason", label: "Reason" },
  { name: "link_id", label: "Link" },
  { name: "offer_id", label: "Offer" },
  { name: "creative_id", label: "Creative" },
  { name: "list_id", label: "List" },
  { name: "campaign_id", label: "Campaign" },
  { name: "message_id", label: "Message" },
  { name: "contact_phone", label: "Contact" },
  { name: "ip", label: "Address" },
  { name: "user_agent", label: "User agent" },
  { name: "country", label: "Country" },
  { name: "asn", label: "Network" },
];
const CONVERSIONS: LogFilter[] = [
  { name: "event", label: "Event" },
  { name: "attribution", label: "Credit" },
  { name: "txn_id", label: "Order" },
  { name: "coupon", label: "Coupon" },
  { name: "offer_id", label: "Offer" },
  { name: "campaign_id", label: "Campaign" },
  { name: "message_id", label: "Message" },
  { name: "link_id", label: "Link" },
];
const POSTBACKS: LogFilter[] = [
  { name: "verdict", label: "Verdict" },
  { name: "txn_id", label: "Order" },
  { name: "offer_id", label: "Offer" },
  { name: "link_id", label: "Link" },
  { name: "path", label: "Path" },
];
export const LOG_FILTERS = { clicks: CLICKS, conversions: CONVERSIONS, postbacks: POSTBACKS };
export type LogName = keyof typeof LOG_FILTERS;

const OTHERS = ["from", "to", "vs", "open", "chart", "by"];

export interface LogQuery {
  /** What the API is asked. */
  applied: Record<string, string>;
  /** Parameters that the log does not know, or cannot use. */
  left: string[];
}

export function readLog(query: URLSearchParams, log: LogName): LogQuery {
  const applied: Record<string, string> = {};
  const left: string[] = [];
  for (const [name, value] of query) {
    const known = LOG_FILTERS[log].some((filter) => filter.name === name);
    const isOne =
      value !== "" && value !== "(none)" && (!value.includes(",") || name === "user_agent");
    if (known && isOne) applied[name] = value;
    else if (!OTHERS.includes(name)) left.push(name);
  }
  return { applied, left };
}

export function labelOf(log: LogName, name: string): string {
  return LOG_FILTERS[log].find((filter) => filter.name === name)?.label ?? name;
}

export function shownFilter(name: string, value: string): string {
  switch (name) {
    case "country":
      return regionName(value);
    case "reason":
      return botReason(value);
    case "asn":
      return `AS${value}`;
    case "verdict":
      return value === "human" ? "person" : inWords(value).toLowerCase();
    default:
      return value;
  }
}

/** What a text in the search box is taken for. */
export function takenFor(text: string, log: LogName): { filter: LogFilter; value: string } | null {
  const value = text.trim();
  const name = nameFor(value, log);
  const filter = LOG_FILTERS[log].find((one) => one.name === name);
  return filter ? { filter, value } : null;
}

function nameFor(value: string, log: LogName): string | null {
  if (value === "") return null;
  if (log === "postbacks" && value.startsWith("/")) return "path";
  if (/^[0-9a-f]{24}$/.test(value)) return "offer_id";
  if (log === "clicks") {
    if (/^\+[1-9]\d{6,14}$/.test(value)) return "contact_phone";
    if (
      /^(\d{1,3}\.){3}\d{1,3}(\/\d+)?$/.test(value) ||
      /^[0-9a-f:]+:[0-9a-f:]*(\/\d+)?$/i.test(value)
    )
      return "ip";
    if (/^AS\d+$/i.test(value)) return "asn";
    if (/^[A-Z]{2}$/.test(value)) return "country";
    if (/\s|[/();]/.test(value)) return "user_agent";
    return "link_id";
  }
  return "txn_id";
}
