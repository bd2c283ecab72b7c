/** The calls of reports. */
import { api, data, type Schemas } from "$lib/api/client";
import type { operations } from "$lib/api/schema";
import type { Range } from "$lib/address/range";

export type Report = Schemas["Report"];
export type ReportQuery = NonNullable<operations["get_performance_report"]["parameters"]["query"]>;

export function reportQuery(
  range: Range,
  zone: string,
  compare: boolean,
  filters: Record<string, string>,
  others: ReportQuery,
): ReportQuery {
  const query: ReportQuery = { from: range.from, to: range.to, tz: zone, ...filters, ...others };
  if (compare) query.compare = "previous";
  return query;
}

export function loadReport(query: ReportQuery, signal: AbortSignal): Promise<Report> {
  return data(api.GET("/api/v2/reports/performance", { params: { query }, signal }));
}

/** What `Loading` needs for a report. */
export function reportRequest(accountId: number, query: ReportQuery) {
  return {
    key: `report ${accountId} ${JSON.stringify(query)}`,
    call: (signal: AbortSignal) => loadReport(query, signal),
  };
}

/** The address of the same report as CSV. */
export function csvAddress(query: ReportQuery): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value != null && name !== "limit") parameters.set(name, String(value));
  }
  parameters.set("format", "csv");
  return `/api/v2/reports/performance?${parameters}`;
}
