/** Names of offers for logs, which have only ids: the report of the same days tells them. */
import { readRange } from "$lib/address/range";
import { router } from "$lib/address/router.svelte";
import { Loading } from "$lib/state/loading.svelte";
import type { Account } from "$lib/state/session_types";
import { reportQuery, reportRequest, type Report } from "./load";
import { names } from "./names.svelte";

/** To be called while a component starts. The id stands for a name that is not known. */
export function offerNames(account: () => Account): (id: string | null) => string {
  const report = new Loading<Report>(() => {
    const { id, time_zone: zone } = account();
    const range = readRange(router.query, zone);
    const query = reportQuery(range, zone, false, {}, { group_by: "offer", limit: 1000 });
    return reportRequest(id, query);
  });
  $effect(() => {
    if (report.data) names.learn(report.data, "offer", account().time_zone);
  });
  return (id) => (id ? (names.of("offer", id) ?? id) : "–");
}
