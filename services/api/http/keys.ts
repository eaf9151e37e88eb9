/** What a client's key is good for: until when, from where, and for which calls. The key `default` is good for all. */
import { bounded } from "../../../lib/batching/recent.ts";
import { Problem } from "../../../lib/errors.ts";
import { isWithin } from "../../../lib/net/ranges.ts";
import type { AuditDraft } from "../../audit/audit.domain.ts";
import { clientSubject, draftAudit } from "../../audits.ts";
import {
  type ClientKey,
  DEFAULT_KEY,
  type KeyScope,
  type KeyUse,
  type Recognised,
} from "../../clientCache/clientCache.contract.ts";

/** Why a key with the right secret was refused. */
export type KeyFault = "expired" | "address" | "scope";

/** Why the key may not log in from this address now. Null if the key may log in. */
export function keyFault({ expiresAt, allowedCidrs }: ClientKey, address: string, nowMs: number): KeyFault | null {
  if (expiresAt !== null && expiresAt <= nowMs) return "expired";
  return allowedCidrs !== null && !isWithin(allowedCidrs, address) ? "address" : null;
}

/**
 * Whether only the key `default` may make this call. Such calls change the client's own secret, which would outlive any
 * key that an operator deletes. `route` has the form `POST /imports/:id/cancel`.
 */
export const forDefaultAlone = (route: string): boolean => /^(?!GET )\S+ \/account(\/|$)/.test(route);

/**
 * The scope that a call needs. `route` has the form `POST /imports/:id/cancel`. A check of a file needs `import`,
 * although it stores nothing.
 */
export const scopeOf = (route: string): KeyScope => (/^(GET|HEAD) /.test(route) ? "read" : "import");

export const ofDefault = () => new Problem("forbidden", `This is for the key "${DEFAULT_KEY}" alone.`);

/** The refusal of a call that the key may not make. Null if the key may make the call. */
export function beyondKey(key: ClientKey | undefined, route: string): Problem | null {
  if (!key) return null;
  if (forDefaultAlone(route)) return ofDefault();
  const needed = scopeOf(route);
  if (!key.scopes || key.scopes.includes(needed)) return null;
  return new Problem("forbidden", `This is for keys with the scope ${needed}; yours has ${key.scopes.join(", ")}.`);
}

const MOST_KEPT = 30_000;
const MINUTE_MS = 60_000;

/** Uses of keys that are not written to the database yet. At most one use a minute is kept for each key. */
export class KeyUses {
  private readonly noted = bounded<string, number>(MOST_KEPT);
  private readonly pending = new Map<string, KeyUse>();

  /** Notes a use of a key. An undefined `key` means the key `default`. */
  note(clientId: number, key: ClientKey | undefined): void {
    const keyId = key?.id ?? DEFAULT_KEY;
    const name = `${clientId} ${keyId}`;
    const now = Date.now();
    const at = now - (now % MINUTE_MS);
    if (this.noted.get(name) === at) return;
    this.noted.set(name, at);
    if (this.pending.size < MOST_KEPT || this.pending.has(name)) this.pending.set(name, { clientId, keyId, at });
  }

  /** Takes out up to `most` uses, so that the caller writes them. */
  taken(most: number): KeyUse[] {
    const uses = [...this.pending.entries()].slice(0, most);
    for (const [name] of uses) this.pending.delete(name);
    return uses.map(([, use]) => use);
  }
}

interface Refused {
  client: { publicId: string; identifier: string };
  key: ClientKey;
  fault: KeyFault;
  address: string;
  count: number;
}

/**
 * The most pairs of a key and an address whose refusals the audit lists for a minute. Further refusals are not listed.
 */
const MOST_TOLD = 1_000;

/** Counts refusals of keys until they are written to the audit. */
export class RefusedKeys {
  private refused = new Map<string, Refused>();

  note({ publicId, identifier, key }: Recognised & { key: ClientKey }, fault: KeyFault, address: string): void {
    const name = `${publicId} ${key.id} ${fault} ${address}`;
    const known = this.refused.get(name);
    if (known) known.count++;
    else if (this.refused.size < MOST_TOLD)
      this.refused.set(name, { client: { publicId, identifier }, key, fault, address, count: 1 });
  }

  /** The audit's entries about the refusals since the last call of `taken`. */
  taken(): AuditDraft[] {
    const all = [...this.refused.values()];
    this.refused = new Map();
    return all.map(({ client, key: { id, name }, fault, address, count }) =>
      draftAudit(
        { who: client.identifier, role: "partner", address, requestId: null },
        {
          action: "key.refused",
          subject: clientSubject(client),
          change: { key: { id, name }, why: fault, count },
          status: fault === "scope" ? "forbidden" : "unauthenticated",
        },
      ),
    );
  }
}
