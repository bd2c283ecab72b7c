/** The language and region whose numbers and dates the browser's user reads. */
export function locale(): string {
  return navigator.language || "en";
}
