/** What a chart shows. Values are for the height of a point, texts are what is read. */

export type Tone = "c1" | "c2" | "c3" | "c4" | "c5" | "rest" | "before";

export interface Series {
  name: string;
  tone: Tone;
  values: (number | null)[];
  texts: string[];
  filled?: boolean;
}

export interface ChartData {
  /** What a bucket is called in the tooltip and the table. */
  labels: string[];
  /** Where the axis has a label. */
  ticks: { index: number; text: string }[];
  /** From this bucket on, buckets are not over; the number of buckets if all are. */
  unfinishedFrom: number;
  series: Series[];
  axis: (value: number) => string;
}

/** The sentence that stands for the chart: first, last, highest, lowest. */
export function summary(data: ChartData): string {
  return data.series
    .filter((series) => series.tone !== "before")
    .map((series) => summaryOf(series, data.labels))
    .join(" ");
}

function summaryOf(series: Series, labels: string[]): string {
  const known = series.values.flatMap((value, i) => (value === null ? [] : [{ value, i }]));
  const first = known[0];
  const last = known[known.length - 1];
  if (!first || !last) return `${series.name}: nothing is known.`;
  const highest = known.reduce((a, b) => (b.value > a.value ? b : a));
  const lowest = known.reduce((a, b) => (b.value < a.value ? b : a));
  const at = (point: { i: number }) => `${series.texts[point.i]} (${labels[point.i]})`;
  return `${series.name}: first ${at(first)}, last ${at(last)}, highest ${at(highest)}, lowest ${at(lowest)}.`;
}

/** The top of an axis that begins at 0 and has about four steps, and the step. */
export function niceAxis(highest: number): { top: number; step: number } {
  if (highest <= 0) return { top: 4, step: 1 };
  const power = 10 ** Math.floor(Math.log10(highest / 3));
  const factor = [1, 2, 2.5, 5, 10].find((one) => highest / (one * power) <= 4) ?? 10;
  const step = Math.max(factor * power, highest < 4 && Number.isInteger(highest) ? 1 : 0);
  return { top: Math.ceil(highest / step) * step, step };
}
