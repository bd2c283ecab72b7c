/** The tiles, in the order in which their numbers follow from each other. */
import type { Change } from "$lib/format/change";
import { moneyPerUnit } from "$lib/format/money";
import { count, percent, ratio } from "$lib/format/numbers";
import { changeOf, shown, type MetricName, type Metrics } from "$lib/report/metrics";

export interface Tile {
  metric: MetricName;
  name: string;
  also?: string;
  key?: string;
  value: string;
  change: Change | null;
  /** The rate to the neighbour: words before, the figure, words behind. */
  before: string;
  rate: string;
  behind: string;
  rateChange: Change | null;
}

export function tilesOf(now: Metrics, past: Metrics | null, currency: string): Tile[] {
  const tile = (metric: MetricName, name: string, others: Partial<Tile>): Tile => ({
    metric,
    name,
    value: shown(metric, now, currency),
    change: past && changeOf(metric, now, past),
    before: "",
    rate: "",
    behind: "",
    rateChange: null,
    ...others,
  });
  return [
    tile("sends", "Sends", past ? { before: `before ${count(past.sends)}` } : {}),
    tile("clicks", "Clicks", {
      also: "raw",
      rate: percent(ratio(now.clicks, now.sends), 1),
      behind: "of sends",
    }),
    tile("bot_clicks", "Bots", {
      key: "bots",
      rate: percent(ratio(now.bot_clicks, now.clicks), 1),
      behind: "of clicks",
      rateChange: past && changeOf("bot_share", now, past),
    }),
    tile("unique_clicks", "Unique", {
      also: "people",
      key: "c1",
      before: "click rate",
      rate: percent(now.click_rate, 2),
      rateChange: past && changeOf("click_rate", now, past),
    }),
    tile("conversions", "Conversions", {
      before: "rate",
      rate: percent(now.conversion_rate, 2),
      rateChange: past && changeOf("conversion_rate", now, past),
    }),
    tile("revenue", "Revenue", {
      before: "EPC",
      rate: moneyPerUnit(now.epc, currency),
      rateChange: past && changeOf("epc", now, past),
    }),
  ];
}
