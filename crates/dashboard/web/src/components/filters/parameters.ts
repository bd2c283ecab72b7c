/** The parameters that addresses of the dashboard have beside filters. */
import { dimensionOfFilter } from "$lib/report/dimensions";

const KNOWN = [
  "from",
  "to",
  "vs",
  "by",
  "chart",
  "rows",
  "cols",
  "sort",
  "q",
  "open",
  "min.clicks",
];

export function unknownParameters(query: URLSearchParams): string[] {
  const names = [...query.keys()].filter(
    (name) => !KNOWN.includes(name) && dimensionOfFilter(name.replace(/\.not$/, "")) === null,
  );
  return [...new Set(names)];
}
