/** What a report can be split by, and how its values are read, shown and filtered. */
import type { Schemas } from "$lib/api/client";
import { locale } from "$lib/format/locale";
import { calendarDate, hourRange, milliseconds, weekDay, weekdayName, dayAt } from "$lib/time";
import { botReason, inWords, words } from "$lib/words";

export type Row = Schemas["Row"];
export type Dimension = keyof typeof words.dimensions;

export const DIMENSIONS = Object.keys(words.dimensions) as Dimension[];
/** The API does not combine these with a second dimension. */
const ALONE: Dimension[] = ["link", "message", "event"];
const TIMES: Dimension[] = ["date", "hour", "hour_of_day", "weekday"];
/** Sends and cost are counted for messages and links, not for what a click tells. */
const OF_CLICKS: Dimension[] = [
  "country", "region", "city", "device", "os", "browser", "language", "network", "source",
  "sub1", "sub2", "sub3", "sub4", "sub5", "bot_reason", "bot_rule", "event",
]; // prettier-ignore

export function isDimension(name: string | undefined): name is Dimension {
  return name !== undefined && name in words.dimensions;
}

export function isTime(dimension: Dimension): boolean {
  return TIMES.includes(dimension);
}

export function canBeCombined(dimension: Dimension): boolean {
  return !ALONE.includes(dimension);
}

export function isOfClicks(dimension: Dimension): boolean {
  return OF_CLICKS.includes(dimension);
}

/** The filter of the API for a dimension, or null if there is none. */
export function filterOf(dimension: Dimension): string | null {
  switch (dimension) {
    case "offer":
    case "creative":
    case "list":
    case "campaign":
    case "link":
    case "message":
      return `${dimension}_id`;
    case "date":
    case "hour":
    case "hour_of_day":
    case "weekday":
    case "event":
      return null;
    default:
      return dimension;
  }
}

export function dimensionOfFilter(filter: string): Dimension | null {
  const name = filter.replace(/_id$/, "");
  return isDimension(name) && filterOf(name) === filter ? name : null;
}

/** The value of a row, as filters take it; null is what has no value. */
export function valueOf(row: Row, dimension: Dimension): string | null {
  const fields = row as unknown as Record<string, string | number | null | undefined>;
  const value = fields[filterOf(dimension) ?? dimension];
  return value == null || value === "" ? null : String(value);
}

/** What the row is called. */
export function nameOf(row: Row, dimension: Dimension, zone: string): string {
  switch (dimension) {
    case "offer":
      return row.offer_name ?? valueName(dimension, row.offer_id ?? null, zone);
    case "creative":
      return row.creative_name ?? numbered("Creative", row.creative_id);
    case "list":
      return row.list_name ?? numbered("List", row.list_id);
    case "campaign":
      return row.campaign_name ?? valueName(dimension, row.campaign_id ?? null, zone);
    case "link":
      return row.short_url?.replace(/^https?:\/\//, "") ?? row.link_id ?? words.notKnown;
    default:
      return valueName(dimension, valueOf(row, dimension), zone);
  }
}

function numbered(kind: string, id: number | null | undefined): string {
  return id == null ? `No ${kind.toLowerCase()}` : `${kind} ${id}`;
}

export function valueName(dimension: Dimension, value: string | null, zone: string): string {
  if (value === null) return withoutValue(dimension);
  switch (dimension) {
    case "country":
      return regionName(value);
    case "language":
      return displayName("language", value);
    case "date":
      return weekDay(calendarDate(value));
    case "hour": {
      const ms = milliseconds(value);
      return `${weekDay(dayAt(ms, zone))}, ${hourRange(ms, zone)}`;
    }
    case "hour_of_day":
      return `${value.padStart(2, "0")}:00`;
    case "weekday":
      return weekdayName(Number(value));
    case "device":
    case "event":
      return inWords(value);
    case "network":
      return `AS${value}`;
    case "bot_reason":
      return botReason(value);
    case "bot_rule":
      return inWords(value);
    default:
      return value;
  }
}

function withoutValue(dimension: Dimension): string {
  if (dimension.startsWith("sub") || dimension === "source") {
    return `${words.dimensions[dimension]} ${words.empty}`;
  }
  if (dimension === "bot_reason" || dimension === "bot_rule") return "No reason: people";
  if (filterOf(dimension)?.endsWith("_id"))
    return `No ${words.dimensions[dimension].toLowerCase()}`;
  return words.notKnown;
}

export function regionName(code: string): string {
  return displayName("region", code);
}

function displayName(type: "region" | "language", code: string): string {
  try {
    return new Intl.DisplayNames(locale(), { type }).of(code) ?? code;
  } catch {
    return code;
  }
}
