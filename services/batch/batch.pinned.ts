import { LRUCache } from "lru-cache";
import type { ServiceBroker } from "moleculer";
import type { BatchRow, Due } from "../../database/store.ts";
import { actors } from "../actors.ts";
import { retentionDue } from "../batches.ts";
import type { Policy } from "../policy/policy.contract.ts";

/** What a batch was accepted under, and whose it is. */
export interface Pinned {
  policy: Policy;
  clientPublicId: string;
}

/** A policy has up to 64 kB, which the policies' own cache shares with this one. */
const MOST_KNOWN = 1_000;

/**
 * The pinned versions of policies, with their clients' public ids. Neither of the two ever changes, so what is known stays
 * right and nobody has to say otherwise; a batch asks for them some times, and thousands of small ones for the same.
 */
export class PinnedPolicies {
  private readonly known = new LRUCache<string, Pinned>({ max: MOST_KNOWN });
  private readonly broker: ServiceBroker;

  constructor(broker: ServiceBroker) {
    this.broker = broker;
  }

  /** Throws not-found where the version is gone, unavailable. */
  async of({ clientId, policyVersion: version }: Pick<BatchRow, "clientId" | "policyVersion">): Promise<Pinned> {
    const key = `${clientId}:${version}`;
    const known = this.known.get(key);
    if (known) return known;
    const [{ policy }, client] = await Promise.all([
      actors.policy.version(this.broker, { clientId, version }),
      actors.clientCache.get(this.broker, { id: clientId }),
    ]);
    const pinned = { policy, clientPublicId: client?.publicId ?? "" };
    if (client) this.known.set(key, pinned);
    return pinned;
  }

  /** When the batch is deleted that ends now. */
  async retentionOf(batch: BatchRow): Promise<Due> {
    return retentionDue((await this.of(batch)).policy);
  }
}
