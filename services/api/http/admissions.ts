import type { ServerResponse } from "node:http";
import type { Problem } from "../../../lib/errors.ts";
import type { ApiRequest } from "./request.ts";

interface Admitted {
  authorization: string;
  revoking: AbortController;
}

/** Why these credentials do not let in any more; null: they do. Rejects where nobody can tell now. */
type Look = (authorization: string) => Promise<Problem | null>;

/**
 * The requests of clients that are under way. Uploads, exports, event streams and waits can last for hours, so their
 * credentials are looked at again: at once when the client has changed, and every few seconds, for news can be lost and a
 * rotated secret ends by itself. A client that is disabled, or whose secret is revoked, loses its requests.
 */
export class Admissions {
  private readonly perClient = new Map<number, Set<Admitted>>();
  private readonly look: Look;
  private round: Promise<void> | null = null;

  constructor(look: Look) {
    this.look = look;
  }

  /** From now on, and until it is answered, `req.revoked` tells when the request has lost its right. */
  enter(clientId: number, req: ApiRequest, res: ServerResponse): void {
    if (res.closed) return;
    const admitted = { authorization: req.headers.authorization ?? "", revoking: new AbortController() };
    req.revoked = admitted.revoking.signal;
    req.revoked.addEventListener("abort", () => setImmediate(cutOff, res), { once: true });
    const all = this.perClient.get(clientId) ?? new Set();
    this.perClient.set(clientId, all.add(admitted));
    res.once("close", () => {
      all.delete(admitted);
      if (all.size === 0) this.perClient.delete(clientId);
    });
  }

  /** Looks at the credentials of all requests, one client after another; a round that still runs is joined. Never rejects. */
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
    const different = new Set(all.map(({ authorization }) => authorization));
    for (const authorization of different) {
      const refusal = await this.look(authorization).catch(() => null);
      if (!refusal) continue;
      for (const one of all) if (one.authorization === authorization) one.revoking.abort(refusal);
    }
  }
}

/** Cuts off an answer in progress that did not end by itself. */
function cutOff(res: ServerResponse): void {
  if (res.headersSent && !res.writableEnded) res.destroy();
}
