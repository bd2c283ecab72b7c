/** The range of days in an address, as in `from=7d` or `from=2026-11-19&to=2026-11-25`. */
import {
  CalendarDate,
  calendarDate,
  dayRange,
  endOfMonth,
  now,
  startOfDay,
  startOfMonth,
  startOfYear,
  timestamp,
  today,
} from "$lib/time";
import { words } from "$lib/words";

export const PRESETS = [
  { name: "today", key: "D" },
  { name: "yesterday", key: "E" },
  { name: "24h", key: "H" },
  { name: "7d", key: "W" },
  { name: "30d", key: "T" },
  { name: "month", key: "M" },
  { name: "last-month", key: "" },
  { name: "year", key: "Y" },
] as const;

export type PresetName = (typeof PRESETS)[number]["name"];
export const DEFAULT_RANGE: PresetName = "7d";

export interface Range {
  /** The preset's name, or null if the days were chosen. */
  preset: PresetName | null;
  first: CalendarDate;
  last: CalendarDate;
  /** What the API is asked for. */
  from: string;
  to: string;
}

const DAY = /^\d{4}-\d{2}-\d{2}$/;

export function readRange(query: URLSearchParams, zone: string): Range {
  const from = query.get("from") ?? DEFAULT_RANGE;
  const to = query.get("to");
  if (DAY.test(from)) {
    const first = calendarDate(from);
    const last = to && DAY.test(to) ? calendarDate(to) : first;
    if (first.compare(last) <= 0) return days(null, first, last);
  }
  const preset = PRESETS.find((one) => one.name === from)?.name ?? DEFAULT_RANGE;
  return presetRange(preset, zone);
}

function days(preset: PresetName | null, first: CalendarDate, last: CalendarDate): Range {
  return { preset, first, last, from: first.toString(), to: last.toString() };
}

export function presetRange(preset: PresetName, zone: string): Range {
  const last = today(zone);
  switch (preset) {
    case "today":
      return days(preset, last, last);
    case "yesterday": {
      const day = last.subtract({ days: 1 });
      return days(preset, day, day);
    }
    case "24h": {
      // Whole minutes, so that calls of one screen have the same range.
      const until = Math.floor(now() / 60_000) * 60_000;
      const first = last.subtract({ days: 1 });
      return {
        preset,
        first,
        last,
        from: timestamp(until - 86_400_000),
        to: timestamp(until),
      };
    }
    case "7d":
      return days(preset, last.subtract({ days: 6 }), last);
    case "30d":
      return days(preset, last.subtract({ days: 29 }), last);
    case "month":
      return days(preset, startOfMonth(last), last);
    case "last-month": {
      const day = startOfMonth(last).subtract({ days: 1 });
      return days(preset, startOfMonth(day), endOfMonth(day));
    }
    case "year":
      return days(preset, startOfYear(last), last);
  }
}

export function nDays(range: Range): number {
  return (
    range.last.toDate("UTC").valueOf() / 86_400_000 -
    range.first.toDate("UTC").valueOf() / 86_400_000 +
    1
  );
}

export function rangeName(range: Range): string {
  return range.preset ? words.presets[range.preset] : words.ownRange;
}

export function rangeDays(range: Range, zone: string): string {
  return dayRange(range.first, range.last, zone);
}

/** The parameters of an address that has this range. */
export function rangeParameters(range: Range): Record<string, string | null> {
  if (range.preset === DEFAULT_RANGE) return { from: null, to: null };
  if (range.preset) return { from: range.preset, to: null };
  return { from: range.from, to: range.from === range.to ? null : range.to };
}

/** The first moment, and the one after the last: what logs are asked for. */
export function moments(range: Range, zone: string): { from: string; to: string } {
  if (range.preset === "24h") return { from: range.from, to: range.to };
  return {
    from: startOfDay(range.first, zone),
    to: startOfDay(range.last.add({ days: 1 }), zone),
  };
}
