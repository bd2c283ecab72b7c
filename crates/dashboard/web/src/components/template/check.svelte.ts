/** What a destination's template leads to and what is wrong with it, while it is typed. */
import { api, data, type Schemas } from "$lib/api/client";

/** Time after the last key until the template is checked. */
const CHECK_AFTER_MS = 150;
/** Values of a click that nobody has made. */
const SAMPLE = {
  click_id: "01a11d5c-1e7b-7123-8123-456789abcdef",
  sub1: "campaign_a",
  sub2: "user_123",
  source: "sms",
};

export class TemplateCheck {
  answer = $state.raw<Schemas["Preview"] | null>(null);
  readonly hasError: boolean = $derived(
    this.answer?.findings.some((finding) => finding.severity === "error") ?? false,
  );

  /** An answer to an older text is dropped. */
  constructor(template: () => string) {
    $effect(() => {
      const asked = template();
      if (!asked) {
        this.answer = null;
        return;
      }
      const abort = new AbortController();
      const timer = setTimeout(() => void this.#check(asked, abort.signal), CHECK_AFTER_MS);
      return () => {
        clearTimeout(timer);
        abort.abort();
      };
    });
  }

  async #check(template: string, signal: AbortSignal): Promise<void> {
    try {
      const answer = await data(
        api.POST("/api/v2/macros/preview", { body: { template, values: SAMPLE }, signal }),
      );
      if (!signal.aborted) this.answer = answer;
    } catch {
      // The template is checked again when it is saved.
    }
  }
}
