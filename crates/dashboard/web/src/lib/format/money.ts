/** Amounts are decimal text from the API to the page: they are never floats. */
import { locale } from "./locale";
import { UNKNOWN, withMinus } from "./numbers";

const formats = new Map<string, Intl.NumberFormat>();

function currencyFormat(currency: string, digits: number | undefined): Intl.NumberFormat {
  const key = `${currency} ${digits}`;
  let made = formats.get(key);
  if (!made) {
    const fraction =
      digits === undefined ? {} : { minimumFractionDigits: digits, maximumFractionDigits: digits };
    made = new Intl.NumberFormat(locale(), { style: "currency", currency, ...fraction });
    formats.set(key, made);
  }
  return made;
}

/** An amount in the currency's own digits; small amounts per click have four. */
export function money(amount: string | null | undefined, currency: string): string {
  return amount == null ? UNKNOWN : show(amount, currency, undefined);
}

export function moneyPerUnit(amount: string | null | undefined, currency: string): string {
  if (amount == null) return UNKNOWN;
  const small = compareDecimals(absolute(amount), "0.01") < 0 && !isZero(amount);
  return show(amount, currency, small ? 4 : undefined);
}

function show(amount: string, currency: string, digits: number | undefined): string {
  // Intl reads decimal text exactly.
  return withMinus(currencyFormat(currency, digits).format(amount as Intl.StringNumericLiteral));
}

interface Decimal {
  units: bigint;
  scale: number;
}

function parse(text: string): Decimal {
  const [whole = "0", fraction = ""] = text.split(".");
  return { units: BigInt(whole + fraction), scale: fraction.length };
}

function unitsAt(decimal: Decimal, scale: number): bigint {
  return decimal.units * 10n ** BigInt(scale - decimal.scale);
}

function aligned(a: string, b: string): [bigint, bigint, number] {
  const [x, y] = [parse(a), parse(b)];
  const scale = Math.max(x.scale, y.scale);
  return [unitsAt(x, scale), unitsAt(y, scale), scale];
}

export function addDecimals(a: string, b: string): string {
  const [x, y, scale] = aligned(a, b);
  return decimalText(x + y, scale);
}

export function subtractDecimals(a: string, b: string): string {
  const [x, y, scale] = aligned(a, b);
  return decimalText(x - y, scale);
}

export function compareDecimals(a: string, b: string): number {
  const [x, y] = aligned(a, b);
  return x < y ? -1 : x > y ? 1 : 0;
}

/** To as many digits as the currency's, rounded half away from zero; null without a divisor. */
export function divideDecimal(amount: string, by: number, digits = 4): string | null {
  if (by === 0) return null;
  const { units, scale } = parse(amount);
  const scaled = units * 10n ** BigInt(digits + 1);
  const divided = scaled / (BigInt(by) * 10n ** BigInt(scale));
  return decimalText((divided + (divided < 0n ? -5n : 5n)) / 10n, digits);
}

/** How much `a` differs from `b` in relation to it; null if `b` is 0. */
export function relativeDifference(a: string, b: string): number | null {
  const [x, y] = aligned(a, b);
  if (y === 0n) return null;
  const magnitude = y < 0n ? -y : y;
  return Number(((x - y) * 1_000_000n) / magnitude) / 1_000_000;
}

export function isZero(amount: string): boolean {
  return parse(amount).units === 0n;
}

/** For the height of a point in a chart, where the last digit cannot be seen. */
export function chartValue(amount: string): number {
  return Number(amount);
}

function absolute(amount: string): string {
  return amount.replace(/^-/, "");
}

function decimalText(units: bigint, scale: number): string {
  const sign = units < 0n ? "-" : "";
  const digits = (units < 0n ? -units : units).toString().padStart(scale + 1, "0");
  if (scale === 0) return sign + digits;
  return `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}
