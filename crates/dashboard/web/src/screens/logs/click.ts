/** One click of the log. */
import { api, data, type Schemas } from "$lib/api/client";
import { timestamp } from "$lib/time";

export type Click = Schemas["Click"];

/** The id is a UUIDv7: its first 48 bits are the click's time in milliseconds. */
export function timeOf(clickId: string): number | null {
  if (!/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/.test(clickId)) return null;
  return Number.parseInt(clickId.slice(0, 8) + clickId.slice(9, 13), 16);
}

/** Null if the account has no such click. */
export async function loadClick(clickId: string, signal: AbortSignal): Promise<Click | null> {
  const ms = timeOf(clickId);
  if (ms === null) return null;
  const query = { from: timestamp(ms), to: timestamp(ms + 1), limit: 10_000 };
  const page = await data(api.GET("/api/v2/clicks", { params: { query }, signal }));
  return page.clicks.find((click) => click.click_id === clickId) ?? null;
}

/** What is known of a click, in the order in which it is read. */
export function factsOf(click: Click): [name: string, value: string | null, isMono?: boolean][] {
  const device = [click.device, click.os, click.browser].filter(Boolean).join(", ");
  const place = [click.city, click.region].filter(Boolean).join(", ");
  return [
    ["Message", click.message_id, true],
    ["Campaign", click.campaign_id, true],
    ["Place", place || null],
    ["Address", click.ip, true],
    ["Network", click.asn === null ? null : `AS${click.asn}`],
    ["Device", device || null],
    ["Language", click.language],
    ["User agent", click.user_agent, true],
    ["Referrer", click.referrer, true],
    ["Source", click.source, true],
    ["Sub1", click.sub1, true],
    ["Sub2", click.sub2, true],
    ["Sub3", click.sub3, true],
    ["Sub4", click.sub4, true],
    ["Sub5", click.sub5, true],
    ["Visitor", click.visitor, true],
  ];
}
