/** Filters in an address: `country=US,CA` is one of, `country.not=FR` is none of. */
import { dimensionOfFilter, type Dimension } from "./dimensions";

/** What has no value; an address may say it as `sub1=`. */
export const NONE = "(none)";

export interface Filter {
  dimension: Dimension;
  /** The parameter without `.not`. */
  name: string;
  not: boolean;
  values: string[];
}

export function readFilters(query: URLSearchParams): Filter[] {
  const filters: Filter[] = [];
  for (const [key, text] of query) {
    const not = key.endsWith(".not");
    const name = not ? key.slice(0, -4) : key;
    const dimension = dimensionOfFilter(name);
    if (!dimension) continue;
    const values = text === "" ? [NONE] : text.split(",").filter(Boolean);
    if (values.length > 0) filters.push({ dimension, name, not, values });
  }
  return filters;
}

export function parameterOf(filter: Filter): string {
  return filter.not ? `${filter.name}.not` : filter.name;
}

/** The filters as parameters, of addresses and of the API alike. */
export function filterParameters(filters: Filter[]): Record<string, string> {
  return Object.fromEntries(filters.map((one) => [parameterOf(one), one.values.join(",")]));
}

/** The value of a row in a filter. */
export function filterValue(value: string | null): string {
  return value ?? NONE;
}

/** Values with a comma cannot be in a list of values. */
export function canFilter(value: string | null): boolean {
  return value === null || !value.includes(",");
}
