import type { Schemas } from "$lib/api/client";

export type User = Schemas["SignedInUser"];
/** The slug stands in addresses, where an account has one. */
export type Account = Schemas["UserAccount"] & { slug?: string | null };
