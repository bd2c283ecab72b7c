/** The chart of a report: one metric by day for the first rows. */
import type { ChartData, Tone } from "$components/chart/series";
import { chartValue } from "$lib/format/money";
import { bucketsOf, unfinishedFrom, type Bucket } from "$lib/report/buckets";
import { valueOf, type Dimension, type Row } from "$lib/report/dimensions";
import type { Report } from "$lib/report/load";
import { metric, shownValue, type MetricName } from "$lib/report/metrics";
import { axisOf } from "../overview/chart";

const TONES: Tone[] = ["c1", "c2", "c3", "c4", "c5"];
export const MAX_SERIES = TONES.length;

export function chartOfValues(
  report: Report,
  dimension: Dimension,
  values: { value: string | null; name: string }[],
  name: MetricName,
): ChartData & { buckets: Bucket[] } {
  const buckets = bucketsOf(report, "date");
  const rows = new Map(report.rows.map((row) => [key(row.date, valueOf(row, dimension)), row]));
  const series = values.slice(0, MAX_SERIES).map((one, i) => {
    const raw = buckets.map((bucket) =>
      valueOfRow(rows.get(key(bucket.day.toString(), one.value)), name),
    );
    return {
      name: one.name,
      tone: TONES[i] ?? "rest",
      values: raw.map((value) => (typeof value === "string" ? chartValue(value) : value)),
      texts: raw.map((value) => shownValue(name, value, report.currency)),
    };
  });
  return {
    buckets,
    labels: buckets.map((bucket) => bucket.label),
    ticks: buckets.flatMap(({ tick }, index) => (tick ? [{ index, text: tick }] : [])),
    unfinishedFrom: unfinishedFrom(buckets),
    series,
    axis: axisOf(name, report.currency),
  };
}

function key(day: string | null | undefined, value: string | null): string {
  return `${day} ${value}`;
}

/** A day without a row is 0, but a rate of nothing is not known. */
function valueOfRow(row: Row | undefined, name: MetricName): number | string | null {
  if (row) return metric(name).read(row);
  const { kind } = metric(name);
  return kind === "count" ? 0 : kind === "amount" ? "0" : null;
}
