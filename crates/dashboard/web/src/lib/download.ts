/** Files from the API: fetched with the headers of the account, then handed to the browser. */
import { identity } from "./api/client";
import { ApiError, connectionError, errorOf } from "./api/errors";
import { toasts } from "./state/toasts.svelte";

export async function download(address: string, name: string): Promise<void> {
  try {
    const blob = await fetchFile(address);
    const url = URL.createObjectURL(blob);
    const link = document.createElement("a");
    link.href = url;
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
  } catch (error) {
    const said = error instanceof ApiError ? error.message : String(error);
    toasts.show(`The file did not come. ${said}`, null, true);
  }
}

export async function fetchFile(address: string): Promise<Blob> {
  const headers = new Headers();
  if (identity.accountId !== null) headers.set("X-Waypost-Account", String(identity.accountId));
  const response = await fetch(address, { headers, credentials: "same-origin" }).catch(() => {
    throw connectionError();
  });
  if (!response.ok) throw errorOf(response, await response.json().catch(() => null));
  return response.blob();
}
