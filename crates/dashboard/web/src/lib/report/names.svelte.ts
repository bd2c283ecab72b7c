/** Names of offers, lists, creatives and campaigns, as far as answers have told them. */
import type { Report } from "./load";
import { nameOf, valueOf, type Dimension } from "./dimensions";

class Names {
  #known = $state<Record<string, string>>({});

  /** Of a report by a dimension whose values are ids. */
  learn(report: Report, dimension: Dimension, zone: string): void {
    for (const row of report.rows) {
      const value = valueOf(row, dimension);
      if (value !== null) this.#known[`${dimension} ${value}`] = nameOf(row, dimension, zone);
    }
  }

  of(dimension: Dimension, value: string): string | undefined {
    return this.#known[`${dimension} ${value}`];
  }
}

export const names = new Names();

export function hasNames(dimension: Dimension): boolean {
  return ["offer", "creative", "list", "campaign", "link"].includes(dimension);
}
