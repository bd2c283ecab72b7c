/** Sums of rows that were selected, exact also for money. */
import { addDecimals, divideDecimal, subtractDecimals } from "$lib/format/money";
import { ratio } from "$lib/format/numbers";
import type { Metrics } from "$lib/report/metrics";

export interface Sums {
  clicks: number;
  unique_clicks: number;
  bot_clicks: number;
  conversions: number;
  revenue: string;
  epc: string | null;
  conversion_rate: number | null;
}

function derived(
  clicks: number,
  unique: number,
  bots: number,
  conversions: number,
  revenue: string,
): Sums {
  return {
    clicks,
    unique_clicks: unique,
    bot_clicks: bots,
    conversions,
    revenue,
    epc: divideDecimal(revenue, unique),
    conversion_rate: ratio(conversions, unique),
  };
}

export function sumOf(rows: Metrics[]): Sums {
  const add = (read: (row: Metrics) => number) => rows.reduce((sum, row) => sum + read(row), 0);
  return derived(
    add((row) => row.clicks),
    add((row) => row.unique_clicks),
    add((row) => row.bot_clicks),
    add((row) => row.conversions),
    rows.reduce((sum, row) => addDecimals(sum, row.revenue), "0"),
  );
}

export function without(totals: Metrics, sums: Sums): Sums {
  return derived(
    totals.clicks - sums.clicks,
    totals.unique_clicks - sums.unique_clicks,
    totals.bot_clicks - sums.bot_clicks,
    totals.conversions - sums.conversions,
    subtractDecimals(totals.revenue, sums.revenue),
  );
}
