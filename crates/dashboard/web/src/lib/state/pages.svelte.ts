/** The rows of a log, page by page, as one scrolls. */
import { ApiError } from "$lib/api/errors";

export interface Page<Row> {
  rows: Row[];
  next_cursor: string | null;
}

type Load<Row> = (cursor: string | undefined, signal: AbortSignal) => Promise<Page<Row>>;

export class Pages<Row> {
  rows = $state.raw<Row[] | undefined>(undefined);
  error = $state.raw<ApiError | null>(null);
  isLoading = $state(true);
  hasMore = $state(false);
  #key: string | null = null;
  #cursor: string | null = null;
  #load: Load<Row> = () => Promise.reject(new Error("nothing to load"));
  #abort: AbortController | null = null;

  /** Loads from the first page on when the key of what is requested has changed. */
  constructor(request: () => { key: string; load: Load<Row> }) {
    $effect(() => {
      const { key, load } = request();
      if (key === this.#key) return;
      this.#key = key;
      this.#load = load;
      void this.#fetch(undefined);
    });
    $effect(() => () => this.#abort?.abort());
  }

  async more(): Promise<void> {
    if (this.hasMore && !this.isLoading && !this.error)
      await this.#fetch(this.#cursor ?? undefined);
  }

  async again(): Promise<void> {
    await this.#fetch(this.rows && this.#cursor ? this.#cursor : undefined);
  }

  async reload(): Promise<void> {
    await this.#fetch(undefined);
  }

  async #fetch(cursor: string | undefined): Promise<void> {
    this.#abort?.abort();
    const abort = new AbortController();
    this.#abort = abort;
    this.isLoading = true;
    this.error = null;
    try {
      const page = await this.#load(cursor, abort.signal);
      if (abort.signal.aborted) return;
      this.rows = cursor === undefined ? page.rows : [...(this.rows ?? []), ...page.rows];
      this.#cursor = page.next_cursor;
      this.hasMore = page.next_cursor !== null;
    } catch (error) {
      if (abort.signal.aborted) return;
      this.error = error instanceof ApiError ? error : new ApiError(0, "unknown", String(error));
    }
    this.isLoading = false;
  }
}
