/** The overview's chart: one metric by hour or day, with the bots beside the people. */
import type { ChartData, Series } from "$components/chart/series";
import { chartValue } from "$lib/format/money";
import { axisNumber } from "$lib/format/numbers";
import { money } from "$lib/format/money";
import { bucketsOf, unfinishedFrom, type Bucket, type BucketSize } from "$lib/report/buckets";
import type { Row } from "$lib/report/dimensions";
import type { Report } from "$lib/report/load";
import { metric, shownValue, type MetricName, type Metrics } from "$lib/report/metrics";

export interface OverviewChart extends ChartData {
  buckets: Bucket[];
}

export function chartOf(report: Report, size: BucketSize, name: MetricName): OverviewChart {
  const buckets = bucketsOf(report, size);
  const before = report.previous
    ? [series(buckets, "Period before", "before", name, (row) => row?.previous ?? null, report)]
    : [];
  const main = series(
    buckets,
    metric(name).name,
    name === "bot_clicks" ? "c2" : "c1",
    name,
    own,
    report,
  );
  main.filled = true;
  const bots =
    name === "unique_clicks" ? [series(buckets, "Bots", "c2", "bot_clicks", own, report)] : [];
  return {
    buckets,
    labels: buckets.map((bucket) => bucket.label),
    ticks: buckets.flatMap(({ tick }, index) => (tick ? [{ index, text: tick }] : [])),
    unfinishedFrom: unfinishedFrom(buckets),
    series: [main, ...bots, ...before],
    axis: axisOf(name, report.currency),
  };
}

export function axisOf(name: MetricName, currency: string): (value: number) => string {
  if (metric(name).kind !== "amount") return axisNumber;
  const zero = money("0", currency).replace(/[\d.,\s]/g, "");
  return (value) => `${value < 0 ? "−" : ""}${zero}${axisNumber(Math.abs(value))}`;
}

function own(row: Row | null): Metrics | null {
  return row;
}

/** A bucket without a row is 0; only the period before can be unknown. */
function series(
  buckets: Bucket[],
  label: string,
  tone: Series["tone"],
  name: MetricName,
  of: (row: Row | null) => Metrics | null,
  report: Report,
): Series {
  const raw = buckets.map((bucket) => {
    const metrics = of(bucket.row);
    if (metrics) return metric(name).read(metrics);
    if (tone === "before") return null;
    return metric(name).kind === "amount" ? "0" : 0;
  });
  return {
    name: label,
    tone,
    values: raw.map((value) => (typeof value === "string" ? chartValue(value) : value)),
    texts: raw.map((value) => shownValue(name, value, report.currency)),
  };
}
