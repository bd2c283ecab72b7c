/** What the address of a report says: rows, columns, order. */
import { isDimension, canBeCombined, type Dimension } from "$lib/report/dimensions";
import { isMetric, METRIC_NAMES, metric, type MetricName } from "$lib/report/metrics";

export const DEFAULT_COLUMNS: MetricName[] = [
  "sends", "clicks", "unique_clicks", "bot_share", "click_rate", "conversions",
  "conversion_rate", "revenue", "cost", "profit", "roi", "epc",
]; // prettier-ignore

/** Names that stand for several columns. */
const PRESETS: Record<string, MetricName[]> = {
  traffic: METRIC_NAMES.filter((name) => metric(name).group === "Traffic"),
  bots: METRIC_NAMES.filter((name) => metric(name).group === "Bots"),
  money: METRIC_NAMES.filter((name) => metric(name).group === "Money"),
  all: METRIC_NAMES,
};

export interface Sort {
  metric: MetricName;
  isDescending: boolean;
}

export interface ReportAddress {
  rows: Dimension;
  then: Dimension | null;
  columns: MetricName[];
  /** Null is the order of the answer. */
  sort: Sort | null;
  minClicks: number;
  q: string;
}

export function readReport(query: URLSearchParams): ReportAddress {
  const [first, second] = (query.get("rows") ?? "offer").split(",");
  const rows = isDimension(first) ? first : "offer";
  const combined =
    isDimension(second) && second !== rows && canBeCombined(rows) && canBeCombined(second);
  const sort = query.get("sort") ?? "";
  const name = sort.replace(/^-/, "");
  const minClicks = Number(query.get("min.clicks"));
  return {
    rows,
    then: combined ? second : null,
    columns: readColumns(query.get("cols")),
    sort:
      isMetric(name) && metric(name).orderBy
        ? { metric: name, isDescending: sort.startsWith("-") }
        : null,
    minClicks: Number.isInteger(minClicks) && minClicks > 0 ? minClicks : 0,
    q: query.get("q") ?? "",
  };
}

function readColumns(text: string | null): MetricName[] {
  if (!text) return DEFAULT_COLUMNS;
  const names = text.split(",").flatMap((part) => PRESETS[part] ?? (isMetric(part) ? [part] : []));
  return names.length > 0 ? [...new Set(names)] : DEFAULT_COLUMNS;
}

export function columnsParameter(columns: MetricName[]): string | null {
  const text = columns.join(",");
  return text === DEFAULT_COLUMNS.join(",") ? null : text;
}

/** A press on a head: from the highest down, from the lowest up, as it came. */
export function nextSort(sort: Sort | null, name: MetricName): string | null {
  if (sort?.metric !== name) return `-${name}`;
  return sort.isDescending ? name : null;
}
