/** Draws a chart with uPlot. x is the number of the bucket; the labels come with the data. */
import uPlot from "uplot";
import { niceAxis, type ChartData, type Tone } from "./series";

const AXIS_WIDTH = 48;

export interface PlotEvents {
  /** The pointer is over a bucket, or over none. */
  onpoint: (index: number | null) => void;
  /** Buckets were chosen by dragging. */
  onselect: (first: number, last: number) => void;
}

function color(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function strokeOf(tone: Tone): string {
  return color(tone === "rest" ? "--c-rest" : tone === "before" ? "--c-before" : `--${tone}`);
}

export function makePlot(
  host: HTMLElement,
  data: ChartData,
  size: { width: number; height: number },
  events: PlotEvents,
): uPlot {
  const nBuckets = data.labels.length;
  const columns: (number | null)[][] = [data.labels.map((_, i) => i)];
  const series: uPlot.Series[] = [{}];
  for (const one of data.series) {
    const stroke = strokeOf(one.tone);
    if (one.tone === "before") {
      columns.push(one.values);
      series.push({ stroke, width: 1.4, dash: [4, 3], points: { show: false } });
      continue;
    }
    columns.push(one.values.map((value, i) => (i < data.unfinishedFrom ? value : null)));
    const fill = one.filled ? `${stroke}1a` : undefined;
    series.push({ stroke, width: 1.75, fill, points: { show: nBuckets === 1 } });
    columns.push(one.values.map((value, i) => (i >= data.unfinishedFrom - 1 ? value : null)));
    series.push({ stroke, width: 1.75, dash: [2, 4], points: { show: false } });
  }
  const highest = Math.max(0, ...data.series.flatMap((one) => one.values.map((v) => v ?? 0)));
  const lowest = Math.min(0, ...data.series.flatMap((one) => one.values.map((v) => v ?? 0)));
  const { top, step } = niceAxis(Math.max(highest, -lowest));
  const bottom = lowest < 0 ? Math.floor(lowest / step) * step : 0;
  const steps: number[] = [];
  for (let value = bottom; value <= top + step / 1000; value += step) steps.push(value);
  const font = `11.5px ${getComputedStyle(document.body).fontFamily}`;
  const line = { stroke: color("--line"), width: 1 };
  const options: uPlot.Options = {
    ...size,
    padding: [10, 24, 0, 0],
    legend: { show: false },
    series,
    scales: {
      x: { time: false, range: [0, Math.max(nBuckets - 1, 1)] },
      y: { range: [bottom, top] },
    },
    axes: [
      {
        splits: () => data.ticks.map((tick) => tick.index),
        values: (_, splits) =>
          splits.map((at) => data.ticks.find((tick) => tick.index === at)?.text ?? ""),
        filter: (_, splits) => withRoom(splits, nBuckets, size.width - AXIS_WIDTH),
        stroke: color("--ink-2"),
        font,
        size: 26,
        gap: 6,
        grid: { ...line, dash: [2, 3] },
        ticks: { show: false },
      },
      {
        splits: () => steps,
        values: (_, splits) => splits.map(data.axis),
        stroke: color("--ink-2"),
        font,
        size: AXIS_WIDTH,
        gap: 6,
        grid: line,
        ticks: { show: false },
      },
    ],
    cursor: {
      y: false,
      drag: { x: true, y: false, setScale: false, dist: 8 },
      points: { show: false },
    },
    hooks: {
      setCursor: [
        (plot) =>
          events.onpoint(
            plot.cursor.left != null && plot.cursor.left >= 0 ? (plot.cursor.idx ?? null) : null,
          ),
      ],
      setSelect: [
        (plot) => {
          if (plot.select.width < 8) return;
          const first = Math.round(plot.posToVal(plot.select.left, "x"));
          const last = Math.round(plot.posToVal(plot.select.left + plot.select.width, "x"));
          plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
          events.onselect(Math.max(0, first), Math.min(nBuckets - 1, last));
        },
      ],
    },
  };
  return new uPlot(options, columns as uPlot.AlignedData, host);
}

/** Ticks that are too close to the one before have no label. */
function withRoom(splits: number[], nBuckets: number, width: number): (number | null)[] {
  const room = 52;
  let last = -Infinity;
  return splits.map((at) => {
    const x = (at / Math.max(nBuckets - 1, 1)) * width;
    if (x - last < room) return null;
    last = x;
    return at;
  });
}
