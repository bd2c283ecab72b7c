/** How a number differs from that of the period before, in figures and in words. */
import { locale } from "./locale";
import { relativeDifference } from "./money";
import { count, percent, withMinus } from "./numbers";

/** Whether more of it is better, worse, or neither. */
export type Sense = "better" | "worse" | "neither";

export interface Change {
  direction: "up" | "down" | "flat" | "none";
  /** `4.7 %`, `0.06 pt`, `new`, `was 3`. */
  text: string;
  tone: "good" | "bad" | "";
}

/** Below so many, per cent say nothing. */
const FEW = 20;

function changed(difference: number, text: string, sense: Sense): Change {
  const direction = difference > 0 ? "up" : "down";
  const good = sense === "neither" ? "" : difference > 0 === (sense === "better") ? "good" : "bad";
  return { direction, text, tone: good };
}

const FLAT: Change = { direction: "flat", text: "0 %", tone: "" };

export function changeOfCount(now: number, before: number, sense: Sense): Change {
  if (before === 0) return now === 0 ? FLAT : { direction: "none", text: "new", tone: "" };
  if (now === before) return FLAT;
  if (before < FEW) return { direction: "none", text: `was ${count(before)}`, tone: "" };
  return relative((now - before) / before, sense);
}

export function changeOfAmount(now: string, before: string, sense: Sense): Change {
  const difference = relativeDifference(now, before);
  if (difference === null) {
    return relativeDifference(before, now) === null
      ? FLAT
      : { direction: "none", text: "new", tone: "" };
  }
  return difference === 0 ? FLAT : relative(difference, sense);
}

/** Rates differ by points: their per cent would be per cent of per cent. */
export function changeOfRate(
  now: number | null,
  before: number | null,
  sense: Sense,
): Change | null {
  if (now === null || before === null) return null;
  const points = (now - before) * 100;
  const format = new Intl.NumberFormat(locale(), {
    minimumFractionDigits: 2,
    maximumFractionDigits: 2,
  });
  const text = format.format(Math.abs(points));
  if (Number(Math.abs(points).toFixed(2)) === 0) return { ...FLAT, text: "0 pt" };
  return changed(points, `${withMinus(text)} pt`, sense);
}

function relative(difference: number, sense: Sense): Change {
  if (Number(Math.abs(difference * 100).toFixed(1)) === 0) return FLAT;
  return changed(difference, percent(Math.abs(difference), 1), sense);
}
