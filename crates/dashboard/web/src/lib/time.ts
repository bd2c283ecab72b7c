/**
 * All that the dashboard does with time. Days and hours are those of the account's zone, never
 * the browser's: every function that shows or splits a time takes the zone.
 */
import {
  CalendarDate,
  endOfMonth,
  fromAbsolute,
  parseAbsolute,
  parseDate,
  startOfMonth,
  startOfYear,
  toCalendarDate,
} from "@internationalized/date";
import { locale } from "./format/locale";

/** A moment as the API writes it: `2026-03-10T08:15:00.123Z`, or with another offset. */
export type Timestamp = string;
/** A day as the API writes it: `2026-03-10`. */
export type Day = string;

const HOUR_MS = 3_600_000;
const formats = new Map<string, Intl.DateTimeFormat>();

function format(zone: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = zone + JSON.stringify(options);
  let made = formats.get(key);
  if (!made) {
    made = new Intl.DateTimeFormat(locale(), { timeZone: zone, hourCycle: "h23", ...options });
    formats.set(key, made);
  }
  return made;
}

export function now(): number {
  return Date.now();
}

export function milliseconds(moment: Timestamp): number {
  return Date.parse(moment);
}

export function timestamp(ms: number): Timestamp {
  return new Date(ms).toISOString();
}

export function today(zone: string): CalendarDate {
  return toCalendarDate(fromAbsolute(now(), zone));
}

export function calendarDate(day: Day): CalendarDate {
  return parseDate(day);
}

export function dayOf(moment: Timestamp, zone: string): CalendarDate {
  return toCalendarDate(parseAbsolute(moment, zone));
}

export { CalendarDate, endOfMonth, startOfMonth, startOfYear };

/** The name of the zone's time at a moment, as in CST. */
export function zoneName(zone: string, ms = now()): string {
  const parts = format(zone, { timeZoneName: "short" }).formatToParts(ms);
  return parts.find((part) => part.type === "timeZoneName")?.value ?? zone;
}

/** As in UTC−6. */
export function zoneOffset(zone: string, ms = now()): string {
  const parts = format(zone, { timeZoneName: "shortOffset" }).formatToParts(ms);
  const text = parts.find((part) => part.type === "timeZoneName")?.value ?? "";
  return text.replace("GMT", "UTC").replace("-", "−");
}

/** `Tue 24 Nov 2026, 10:04:18.207 CST`. */
export function fullTime(moment: Timestamp, zone: string): string {
  const ms = milliseconds(moment);
  const day = format(zone, { weekday: "short", day: "numeric", month: "short", year: "numeric" });
  return `${day.format(ms)}, ${clock(moment, zone)} ${zoneName(zone, ms)}`;
}

/** `10:04:18.207`. */
export function clock(moment: Timestamp, zone: string): string {
  return format(zone, {
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    fractionalSecondDigits: 3,
  }).format(milliseconds(moment));
}

/** `24 Nov 10:04:18.207`; the year is left out if it is this one. */
export function logTime(moment: Timestamp, zone: string): string {
  return `${shortDay(dayOf(moment, zone), zone)} ${clock(moment, zone)}`;
}

/** The same moment in UTC, for the title of a time. */
export function utc(moment: Timestamp): string {
  return `${timestamp(milliseconds(moment)).replace("T", " ").replace("Z", "")} UTC`;
}

/** `24 Nov`, with the year if it is another than today's. */
export function shortDay(day: CalendarDate, zone: string): string {
  const sameYear = day.year === today(zone).year;
  const options: Intl.DateTimeFormatOptions = { day: "numeric", month: "short" };
  if (!sameYear) options.year = "numeric";
  return format("UTC", options).format(day.toDate("UTC"));
}

/** `Tue 24 Nov`. */
export function weekDay(day: CalendarDate): string {
  const options: Intl.DateTimeFormatOptions = {
    weekday: "short",
    day: "numeric",
    month: "short",
  };
  return format("UTC", options).format(day.toDate("UTC"));
}

/** `Tue 24`, for axes. */
export function axisDay(day: CalendarDate): string {
  return format("UTC", { weekday: "short", day: "numeric" }).format(day.toDate("UTC"));
}

/** `Monday` for 1. */
export function weekdayName(number: number): string {
  // 2024-01-01 was a Monday.
  const day = new CalendarDate(2024, 1, number);
  return format("UTC", { weekday: "long" }).format(day.toDate("UTC"));
}

/** `19–25 Nov`. */
export function dayRange(first: CalendarDate, last: CalendarDate, zone: string): string {
  if (first.compare(last) === 0) return shortDay(first, zone);
  const options: Intl.DateTimeFormatOptions = { day: "numeric", month: "short" };
  const thisYear = today(zone).year;
  if (first.year !== thisYear || last.year !== thisYear) options.year = "numeric";
  return format("UTC", options).formatRange(first.toDate("UTC"), last.toDate("UTC"));
}

/** `10:00–11:00`, and the offset's name where the hour comes twice. */
export function hourRange(ms: number, zone: string): string {
  const time = format(zone, { hour: "2-digit", minute: "2-digit" });
  const text = `${time.format(ms)}–${time.format(ms + HOUR_MS)}`;
  const twice =
    time.format(ms) === time.format(ms + HOUR_MS) || time.format(ms) === time.format(ms - HOUR_MS);
  return twice ? `${text} ${zoneName(zone, ms)}` : text;
}

/** `14:32`. */
export function hourMinute(ms: number, zone: string): string {
  return format(zone, { hour: "2-digit", minute: "2-digit" }).format(ms);
}

/** The starts of all hours from one moment until before another. */
export function hoursBetween(from: Timestamp, until: number): number[] {
  const hours = [];
  for (let ms = milliseconds(from); ms < until; ms += HOUR_MS) hours.push(ms);
  return hours;
}

/** All days from the one of `from` until that of the moment before `until`. */
export function daysBetween(from: Timestamp, until: number, zone: string): CalendarDate[] {
  const last = toCalendarDate(fromAbsolute(until - 1, zone));
  const days = [];
  for (let day = dayOf(from, zone); day.compare(last) <= 0; day = day.add({ days: 1 })) {
    days.push(day);
  }
  return days;
}

/** Whether an hour begins a day of the zone. */
export function beginsDay(ms: number, zone: string): boolean {
  const before = fromAbsolute(ms - 1, zone);
  return toCalendarDate(before).compare(toCalendarDate(fromAbsolute(ms, zone))) !== 0;
}

export function dayAt(ms: number, zone: string): CalendarDate {
  return toCalendarDate(fromAbsolute(ms, zone));
}

/** `0.8 s`, `4 min 12 s`, `2 h 5 min`, `3 days 4 h`. */
export function duration(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.floor(seconds % 60)} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} days ${hours % 24} h`;
}

/** The moment at which a day begins in a zone. */
export function startOfDay(day: CalendarDate, zone: string): Timestamp {
  return day.toDate(zone).toISOString();
}
