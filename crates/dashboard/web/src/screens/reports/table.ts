/** The features of TanStack's table that reports use. Sorting is the API's. */
import {
  columnOrderingFeature,
  columnVisibilityFeature,
  createExpandedRowModel,
  rowExpandingFeature,
  rowSelectionFeature,
  tableFeatures,
} from "@tanstack/svelte-table";
import type { Row } from "$lib/report/dimensions";
import { METRIC_NAMES, metric } from "$lib/report/metrics";

export const features = tableFeatures({
  columnOrderingFeature,
  columnVisibilityFeature,
  rowExpandingFeature,
  rowSelectionFeature,
  expandedRowModel: createExpandedRowModel(),
});

/** A row with those of the second dimension below it, once they are there. */
export interface TreeRow {
  key: string;
  row: Row;
  below: TreeRow[];
}

export const columns = METRIC_NAMES.map((name) => ({
  id: name,
  accessorFn: (tree: TreeRow) => metric(name).read(tree.row),
}));
