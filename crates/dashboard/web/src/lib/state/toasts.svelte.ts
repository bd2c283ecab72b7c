/** Sentences that say what was done, with an undo where there is one. */
export interface Toast {
  id: number;
  text: string;
  isProblem: boolean;
  undo: (() => Promise<void>) | null;
}

const SHOWN_MS = 10_000;

class Toasts {
  list = $state<Toast[]>([]);
  #next = 1;
  #timers = new Map<number, ReturnType<typeof setTimeout>>();

  show(text: string, undo: (() => Promise<void>) | null = null, isProblem = false): void {
    const id = this.#next++;
    this.list.push({ id, text, isProblem, undo });
    this.release(id);
  }

  /** Touched or focused toasts stay. */
  hold(id: number): void {
    clearTimeout(this.#timers.get(id));
  }

  release(id: number): void {
    this.hold(id);
    this.#timers.set(
      id,
      setTimeout(() => this.close(id), SHOWN_MS),
    );
  }

  close(id: number): void {
    this.hold(id);
    this.list = this.list.filter((toast) => toast.id !== id);
  }

  async undo(id: number): Promise<void> {
    const toast = this.list.find((one) => one.id === id);
    this.close(id);
    await toast?.undo?.();
  }

  /** Takes back what was done last. */
  async undoLast(): Promise<boolean> {
    const last = this.list.findLast((toast) => toast.undo);
    if (!last) return false;
    await this.undo(last.id);
    return true;
  }
}

export const toasts = new Toasts();
