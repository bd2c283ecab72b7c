/** The screens, in the order of the sidebar, and the right that each needs. */
import ChartColumn from "@lucide/svelte/icons/chart-column";
import CircleDollarSign from "@lucide/svelte/icons/circle-dollar-sign";
import Globe from "@lucide/svelte/icons/globe";
import Inbox from "@lucide/svelte/icons/inbox";
import Link2 from "@lucide/svelte/icons/link-2";
import MessageSquareText from "@lucide/svelte/icons/message-square-text";
import MousePointerClick from "@lucide/svelte/icons/mouse-pointer-click";
import SlidersHorizontal from "@lucide/svelte/icons/sliders-horizontal";
import Table2 from "@lucide/svelte/icons/table-2";
import Tag from "@lucide/svelte/icons/tag";
import type { Component } from "svelte";
import { words } from "$lib/words";

export type ScreenName = keyof typeof words.screens;

export interface Screen {
  name: ScreenName;
  icon: Component<{ class?: string }>;
  group: keyof typeof words.groups;
  scope: string;
}

export const SCREENS: Screen[] = [
  { name: "overview", icon: ChartColumn, group: "numbers", scope: "reports:read" },
  { name: "reports", icon: Table2, group: "numbers", scope: "reports:read" },
  { name: "clicks", icon: MousePointerClick, group: "logs", scope: "reports:read" },
  { name: "conversions", icon: CircleDollarSign, group: "logs", scope: "reports:read" },
  { name: "postbacks", icon: Inbox, group: "logs", scope: "offers:read" },
  { name: "links", icon: Link2, group: "build", scope: "links:read" },
  { name: "creatives", icon: MessageSquareText, group: "build", scope: "creatives:read" },
  { name: "offers", icon: Tag, group: "build", scope: "offers:read" },
  { name: "domains", icon: Globe, group: "build", scope: "lists:read" },
  { name: "settings", icon: SlidersHorizontal, group: "account", scope: "audit:read" },
];

/** The screens of the bar at the bottom of phones; the others are behind More. */
export const BAR: ScreenName[] = ["overview", "reports", "clicks", "links"];
