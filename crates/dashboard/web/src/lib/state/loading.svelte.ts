/**
 * Something that is loaded from the API: its data stay while newer ones come, a newer call ends
 * the older, and answers are shown at once when one comes back to them.
 */
import { ApiError } from "$lib/api/errors";
import { now } from "$lib/time";

const KEPT_MS = 60_000;
const KEPT_ANSWERS = 200;
// eslint-disable-next-line svelte/prefer-svelte-reactivity -- nothing shows it
const answers = new Map<string, { data: unknown; at: number }>();

export function forgetAnswers(): void {
  answers.clear();
}

function keep(key: string, data: unknown): void {
  answers.delete(key);
  answers.set(key, { data, at: now() });
  const oldest = answers.keys().next().value;
  if (answers.size > KEPT_ANSWERS && oldest !== undefined) answers.delete(oldest);
}

export class Loading<T> {
  data = $state.raw<T | undefined>(undefined);
  error = $state.raw<ApiError | null>(null);
  isLoading = $state(true);
  /** How long the last call took. */
  tookMs = $state<number | null>(null);
  #call: (signal: AbortSignal) => Promise<T>;
  #key = "";
  #abort: AbortController | null = null;

  /** `request` says what is to be loaded: a key, and the call. It is made anew when it changes. */
  constructor(request: () => { key: string; call: (signal: AbortSignal) => Promise<T> } | null) {
    this.#call = () => Promise.reject(new Error("nothing to load"));
    $effect(() => {
      const wanted = request();
      if (!wanted) {
        this.#key = "";
        this.#abort?.abort();
        this.isLoading = false;
        return;
      }
      if (wanted.key === this.#key) return;
      this.#call = wanted.call;
      this.#key = wanted.key;
      const known = answers.get(wanted.key);
      if (known) this.data = known.data as T;
      if (known && now() - known.at < KEPT_MS) {
        this.#abort?.abort();
        this.error = null;
        this.isLoading = false;
        return;
      }
      void this.load();
    });
    $effect(() => () => this.#abort?.abort());
  }

  async load(): Promise<void> {
    this.#abort?.abort();
    const abort = new AbortController();
    this.#abort = abort;
    const key = this.#key;
    this.isLoading = true;
    const started = performance.now();
    try {
      const data = await this.#call(abort.signal);
      if (abort.signal.aborted) return;
      keep(key, data);
      this.data = data;
      this.error = null;
      this.tookMs = performance.now() - started;
    } catch (error) {
      if (abort.signal.aborted) return;
      this.error = error instanceof ApiError ? error : new ApiError(0, "unknown", String(error));
    }
    this.isLoading = false;
  }
}
