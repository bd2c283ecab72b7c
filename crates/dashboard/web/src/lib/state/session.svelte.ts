/** Who is signed in, for which accounts, and what they may do there. */
import { api, data, identity } from "$lib/api/client";
import { ApiError } from "$lib/api/errors";
import { router } from "$lib/address/router.svelte";
import { forgetAnswers } from "./loading.svelte";
import type { Account, User } from "./session_types";

type State = "starting" | "out" | "in" | "failed";

class Session {
  state = $state<State>("starting");
  user = $state.raw<User | null>(null);
  accounts = $state.raw<Account[]>([]);
  error = $state.raw<ApiError | null>(null);
  /** Whether the dialogue is open that asks to sign in again over the page. */
  hasEnded = $state(false);
  #resume: (() => void)[] = [];

  /** The account of the address, or undefined if the user has no such account. */
  readonly account: Account | undefined = $derived.by(() => {
    const name = router.place.account;
    return this.accounts.find((one) => one.slug === name || String(one.id) === name);
  });

  constructor() {
    identity.signInAgain = () => {
      if (this.state !== "in") return Promise.reject(new ApiError(401, "unauthorized", ""));
      this.hasEnded = true;
      return new Promise((resolve) => this.#resume.push(resolve));
    };
  }

  async start(): Promise<void> {
    this.state = "starting";
    try {
      this.#accept(await data(api.GET("/api/v2/me")));
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) this.state = "out";
      else {
        this.error = error instanceof ApiError ? error : null;
        this.state = "failed";
      }
    }
  }

  async signIn(email: string, password: string, code: string): Promise<void> {
    const body = code ? { email, password, code } : { email, password };
    const before = this.user?.id;
    this.#accept(await data(api.POST("/api/v2/sessions", { body })));
    if (before !== undefined && before !== this.user?.id) forgetAnswers();
    this.hasEnded = false;
    for (const resume of this.#resume.splice(0)) resume();
  }

  async signOut(): Promise<void> {
    await data(api.DELETE("/api/v2/sessions"));
    forgetAnswers();
    identity.accountId = null;
    identity.csrfToken = null;
    this.user = null;
    this.accounts = [];
    this.state = "out";
    router.go("/sign-in");
  }

  /** As the API grants it, with its wildcards. */
  may(scope: string): boolean {
    const [resource, access] = scope.split(":");
    const scopes = this.account?.scopes ?? [];
    return ["*", `*:${access}`, scope, `${resource}:*`].some((one) => scopes.includes(one));
  }

  #accept(me: {
    user?: User | null;
    csrf_token?: string | null;
    accounts?: Account[] | null;
  }): void {
    this.user = me.user ?? null;
    this.accounts = me.accounts ?? [];
    identity.csrfToken = me.csrf_token ?? null;
    this.state = "in";
  }
}

export const session = new Session();
