/** The columns of reports: what each is called, how it is shown, and what a change of it means. */
import type { Schemas } from "$lib/api/client";
import {
  changeOfAmount,
  changeOfCount,
  changeOfRate,
  type Change,
  type Sense,
} from "$lib/format/change";
import { money, moneyPerUnit } from "$lib/format/money";
import { count, percent, ratio } from "$lib/format/numbers";
import { words } from "$lib/words";

export type Metrics = Schemas["Metrics"];
export type MetricName = keyof typeof METRICS;

interface MetricOf {
  name: string;
  /** For heads of columns, where the name is long. */
  short?: string;
  group: "Traffic" | "Bots" | "Money" | "Per unit";
  sense: Sense;
  kind: "count" | "rate" | "share" | "amount" | "unit";
  read: (metrics: Metrics) => number | string | null;
  /** Why there is no value, if there is none. */
  reason?: string;
  /** `order_by` of the API. */
  orderBy?: string;
  /** Counted for messages and links only. */
  ofSends?: boolean;
}

const { unknownReason } = words;

export function repeated(metrics: Metrics): number {
  return metrics.clicks - metrics.unique_clicks - metrics.bot_clicks;
}

export const METRICS = {
  sends: {
    name: "Sends", group: "Traffic", sense: "neither", kind: "count", orderBy: "sends", ofSends: true,
    read: (m) => m.sends,
  },
  delivered: {
    name: "Delivered", group: "Traffic", sense: "better", kind: "count", ofSends: true,
    read: (m) => m.delivered,
  },
  failed: {
    name: "Failed", group: "Traffic", sense: "worse", kind: "count", ofSends: true,
    read: (m) => m.failed,
  },
  clicks: {
    name: "Clicks", group: "Traffic", sense: "neither", kind: "count", orderBy: "clicks",
    read: (m) => m.clicks,
  },
  unique_clicks: {
    name: "Unique", group: "Traffic", sense: "better", kind: "count", orderBy: "unique_clicks",
    read: (m) => m.unique_clicks,
  },
  repeated: {
    name: "Same person again", short: "Again", group: "Traffic", sense: "neither", kind: "count",
    read: repeated,
  },
  click_rate: {
    name: "Click rate", group: "Traffic", sense: "better", kind: "rate", orderBy: "click_rate",
    ofSends: true, read: (m) => m.click_rate, reason: unknownReason.noSends,
  },
  bot_clicks: {
    name: "Bot clicks", short: "Bots", group: "Bots", sense: "worse", kind: "count",
    orderBy: "bot_clicks", read: (m) => m.bot_clicks,
  },
  bot_share: {
    name: "Share of bots", short: "Bots %", group: "Bots", sense: "worse", kind: "share",
    read: (m) => ratio(m.bot_clicks, m.clicks), reason: unknownReason.noClicks,
  },
  confirmed_clicks: {
    name: "Pressed Continue", short: "Continued", group: "Bots", sense: "neither", kind: "count",
    orderBy: "confirmed_clicks", read: (m) => m.confirmed_clicks,
  },
  conversions: {
    name: "Conversions", short: "Conv.", group: "Money", sense: "better", kind: "count",
    orderBy: "conversions", read: (m) => m.conversions,
  },
  conversion_rate: {
    name: "Conversion rate", short: "Rate", group: "Money", sense: "better", kind: "rate",
    orderBy: "conversion_rate", read: (m) => m.conversion_rate, reason: unknownReason.noClicks,
  },
  revenue: {
    name: "Revenue", group: "Money", sense: "better", kind: "amount", orderBy: "revenue",
    read: (m) => m.revenue,
  },
  cost: {
    name: "Cost", group: "Money", sense: "neither", kind: "amount", orderBy: "cost", ofSends: true,
    read: (m) => m.cost,
  },
  profit: {
    name: "Profit", group: "Money", sense: "better", kind: "amount", orderBy: "profit",
    ofSends: true, read: (m) => m.profit,
  },
  roi: {
    name: "ROI", group: "Money", sense: "better", kind: "share", orderBy: "roi", ofSends: true,
    read: (m) => m.roi, reason: unknownReason.noCost,
  },
  epc: {
    name: "Revenue per unique click", short: "EPC", group: "Per unit", sense: "better",
    kind: "unit", orderBy: "epc", read: (m) => m.epc, reason: unknownReason.noClicks,
  },
  epc_total: {
    name: "Revenue per click", short: "Per click", group: "Per unit", sense: "better",
    kind: "unit", read: (m) => m.epc_total, reason: unknownReason.noClicks,
  },
  revenue_per_send: {
    name: "Revenue per send", short: "Per send", group: "Per unit", sense: "better", kind: "unit",
    ofSends: true, read: (m) => m.revenue_per_send, reason: unknownReason.noSends,
  },
} satisfies Record<string, MetricOf>; // prettier-ignore

export const METRIC_NAMES = Object.keys(METRICS) as MetricName[];

export function metric(name: MetricName): MetricOf {
  return METRICS[name];
}

export function isMetric(name: string): name is MetricName {
  return name in METRICS;
}

export function headOf(name: MetricName): string {
  return metric(name).short ?? metric(name).name;
}

export function shown(name: MetricName, metrics: Metrics, currency: string): string {
  return shownValue(name, metric(name).read(metrics), currency);
}

export function shownValue(
  name: MetricName,
  value: number | string | null,
  currency: string,
): string {
  switch (metric(name).kind) {
    case "count":
      return count(value as number | null);
    case "rate":
      return percent(value as number | null, 2);
    case "share":
      return percent(value as number | null, 1);
    case "amount":
      return money(value as string | null, currency);
    case "unit":
      return moneyPerUnit(value as string | null, currency);
  }
}

/** Null if one of both is not known. */
export function changeOf(
  name: MetricName,
  now: Metrics,
  before: Metrics | null | undefined,
): Change | null {
  if (!before) return null;
  const { kind, sense, read } = metric(name);
  const [a, b] = [read(now), read(before)];
  if (a === null || b === null) return null;
  switch (kind) {
    case "count":
      return changeOfCount(a as number, b as number, sense);
    case "rate":
    case "share":
      return changeOfRate(a as number, b as number, sense);
    case "amount":
    case "unit":
      return changeOfAmount(a as string, b as string, sense);
  }
}
