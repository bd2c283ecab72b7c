/** Numbers by the browser's locale. Unknown is a dash, never 0. */
import { locale } from "./locale";

export const UNKNOWN = "–";
/** U+2212, as wide as the plus. */
const MINUS = "−";

const whole = new Intl.NumberFormat(locale(), { maximumFractionDigits: 0 });
const axisFormat = new Intl.NumberFormat(locale(), {
  notation: "compact",
  maximumFractionDigits: 1,
});

export function withMinus(text: string): string {
  return text.replace(/^-/, MINUS);
}

export function count(value: number | null | undefined): string {
  return value == null ? UNKNOWN : withMinus(whole.format(value));
}

/** 10,000 and more are abbreviated: 12k. */
export function axisNumber(value: number): string {
  const text = Math.abs(value) >= 10_000 ? axisFormat.format(value) : whole.format(value);
  return withMinus(text.replace("K", "k"));
}

/** A ratio as per cent: rates have two digits, shares one. */
export function percent(ratio: number | null | undefined, digits: 0 | 1 | 2): string {
  if (ratio == null || !Number.isFinite(ratio)) return UNKNOWN;
  const format = new Intl.NumberFormat(locale(), {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
  return `${withMinus(format.format(ratio * 100))} %`;
}

/** Null if there is nothing to divide by. */
export function ratio(part: number, all: number): number | null {
  return all === 0 ? null : part / all;
}

export function plural(n: number, one: string, many: string): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}
