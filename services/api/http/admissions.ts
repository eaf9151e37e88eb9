import type { ServerResponse } from "node:http";
import type { Problem } from "../../../lib/errors.ts";
import { sessionOver } from "./auth.ts";
import type { ApiRequest } from "./head.ts";

/** The credentials by which a request was admitted. */
export interface Admitted {
  /**
   * Requests with the same credentials have the same key. Credentials with one key are checked once for all of them.
   */
  key: string;
  /**
   * Answers why the credentials are no longer valid, or null if they are valid. Rejects if the credentials cannot be
   * checked now.
   */
  look: () => Promise<Problem | null>;
  /** The id of the request's session. Omitted if the request came without a session. */
  session?: string | undefined;
}

type Running = Admitted & { revoking: AbortController };

/**
 * The running requests of clients and operators. Uploads, exports, event streams and waits can last for hours, so their
 * credentials are checked again: at once when the client changes, and every few seconds. An event can be lost, and a
 * rotated secret, a token and a session expire by themselves. If a client is disabled, its secret revoked, an operator
 * deleted or a session ended, the requests of that login end.
 */
export class Admissions {
  private readonly perOwner = new Map<string, Set<Running>>();
  private round: Promise<void> | null = null;

  /**
   * Admits a request. Until the request is answered, `req.revoked` is aborted when its credentials lose their validity.
   */
  enter(owner: string, admitted: Admitted, req: ApiRequest, res: ServerResponse): void {
    if (res.closed) return;
    const running = { ...admitted, revoking: new AbortController() };
    req.revoked = running.revoking.signal;
    req.revoked.addEventListener("abort", () => setImmediate(cutOff, res), { once: true });
    const all = this.perOwner.get(owner) ?? new Set();
    this.perOwner.set(owner, all.add(running));
    res.once("close", () => {
      all.delete(running);
      if (all.size === 0) this.perOwner.delete(owner);
    });
  }

  /**
   * Checks the credentials of all requests, one owner after another. If a round of checks still runs, the call waits
   * for that round. Never rejects.
   */
  recheckAll(): Promise<void> {
    this.round ??= this.recheckEach().finally(() => {
      this.round = null;
    });
    return this.round;
  }

  private async recheckEach(): Promise<void> {
    for (const owner of [...this.perOwner.keys()]) await this.recheck(owner);
  }

  /** Checks the credentials of all requests of one owner again. Never rejects. */
  async recheck(owner: string): Promise<void> {
    const all = [...(this.perOwner.get(owner) ?? [])];
    for (const same of Map.groupBy(all, ({ key }) => key).values()) {
      const [{ look }] = same as [Running];
      const refusal = await look().catch(() => null);
      if (refusal) for (const { revoking } of same) revoking.abort(refusal);
    }
  }

  /** Ends the requests of a session whose owner has logged out. */
  endSession(id: string): void {
    for (const all of this.perOwner.values())
      for (const { session, revoking } of all) if (session === id) revoking.abort(sessionOver());
  }
}

/** Cuts off an answer that has begun and is not ended yet. */
function cutOff(res: ServerResponse): void {
  if (res.headersSent && !res.writableEnded) res.destroy();
}
