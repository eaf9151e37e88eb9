import type { ServerResponse } from "node:http";
import type { Problem } from "../../../lib/errors.ts";
import type { ApiRequest, ClientCredentials } from "./head.ts";

interface Admitted {
  credentials: ClientCredentials;
  revoking: AbortController;
}

/** Why these credentials are no longer valid; null: they are. Rejects if that cannot be checked now. */
type Look = (credentials: ClientCredentials) => Promise<Problem | null>;

/**
 * The running requests of clients. Uploads, exports, event streams and waits can last for hours, so their credentials are
 * checked again: at once when the client changes, and every few seconds, because an event can be lost and a rotated
 * secret expires by itself. If a client is disabled, or its secret revoked, its requests end.
 */
export class Admissions {
  private readonly perClient = new Map<number, Set<Admitted>>();
  private readonly look: Look;
  private round: Promise<void> | null = null;

  constructor(look: Look) {
    this.look = look;
  }

  /** Until the request is answered, `req.revoked` is aborted when its credentials lose their validity. */
  enter(clientId: number, credentials: ClientCredentials, req: ApiRequest, res: ServerResponse): void {
    if (res.closed) return;
    const admitted = { credentials, revoking: new AbortController() };
    req.revoked = admitted.revoking.signal;
    req.revoked.addEventListener("abort", () => setImmediate(cutOff, res), { once: true });
    const all = this.perClient.get(clientId) ?? new Set();
    this.perClient.set(clientId, all.add(admitted));
    res.once("close", () => {
      all.delete(admitted);
      if (all.size === 0) this.perClient.delete(clientId);
    });
  }

  /**
   * Checks the credentials of all requests, one client after another. If a round still runs, this waits for it. Never
   * rejects.
   */
  recheckAll(): Promise<void> {
    this.round ??= this.recheckEach().finally(() => {
      this.round = null;
    });
    return this.round;
  }

  private async recheckEach(): Promise<void> {
    for (const clientId of [...this.perClient.keys()]) await this.recheck(clientId);
  }

  /** Checks the credentials of a client's requests again. Never rejects. */
  async recheck(clientId: number): Promise<void> {
    const all = [...(this.perClient.get(clientId) ?? [])];
    for (const same of Map.groupBy(all, keyOf).values()) {
      const [{ credentials }] = same as [Admitted];
      const refusal = await this.look(credentials).catch(() => null);
      if (refusal) for (const { revoking } of same) revoking.abort(refusal);
    }
  }
}

function keyOf({ credentials }: Admitted): string {
  const { identifier } = credentials;
  if ("until" in credentials) return `${credentials.until}:${identifier}`;
  return `${credentials.secretHash}:${identifier}:${credentials.address ?? ""}`;
}

/** Cuts off an answer in progress that does not end by itself. */
function cutOff(res: ServerResponse): void {
  if (res.headersSent && !res.writableEnded) res.destroy();
}
