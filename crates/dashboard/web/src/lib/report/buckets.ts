/**
 * The hours or days of a report, each with its row. Hours in which nothing happened have no row
 * in the answer; they are zero, and those to come are not there at all.
 */
import {
  axisDay,
  beginsDay,
  dayAt,
  daysBetween,
  hourRange,
  hoursBetween,
  milliseconds,
  now,
  weekDay,
  type CalendarDate,
} from "$lib/time";
import type { Row } from "./dimensions";
import type { Report } from "./load";

export interface Bucket {
  label: string;
  tick: string | null;
  day: CalendarDate;
  row: Row | null;
  isOver: boolean;
}

export type BucketSize = "hour" | "date";

export function bucketsOf(report: Report, size: BucketSize): Bucket[] {
  const until = Math.min(milliseconds(report.to), now());
  return size === "hour" ? hours(report, until) : days(report, until);
}

function hours(report: Report, until: number): Bucket[] {
  const zone = report.tz;
  const rows = new Map(report.rows.map((row) => [milliseconds(row.hour ?? ""), row]));
  const starts = hoursBetween(report.from, until);
  const isOneDay = starts.length <= 25;
  return starts.map((ms) => {
    const day = dayAt(ms, zone);
    const row = rows.get(ms) ?? null;
    const range = hourRange(ms, zone);
    const everyThird = starts.indexOf(ms) % 3 === 0;
    const tick = isOneDay
      ? everyThird
        ? range.slice(0, 5)
        : null
      : beginsDay(ms, zone)
        ? axisDay(day)
        : null;
    return {
      label: `${weekDay(day)}, ${range}`,
      tick,
      day,
      row,
      isOver: row?.is_complete ?? ms + 3_600_000 <= until,
    };
  });
}

function days(report: Report, until: number): Bucket[] {
  const zone = report.tz;
  const rows = new Map(report.rows.map((row) => [row.date, row]));
  const all = daysBetween(report.from, until, zone);
  return all.map((day) => {
    const row = rows.get(day.toString()) ?? null;
    const isLast = day.compare(all[all.length - 1] ?? day) === 0;
    return {
      label: weekDay(day),
      tick: axisDay(day),
      day,
      row,
      isOver: row?.is_complete ?? !(isLast && until < milliseconds(report.to)),
    };
  });
}

export function unfinishedFrom(buckets: Bucket[]): number {
  const first = buckets.findIndex((bucket) => !bucket.isOver);
  return first === -1 ? buckets.length : first;
}
