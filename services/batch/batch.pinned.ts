import { LRUCache } from "lru-cache";
import type { ServiceBroker } from "moleculer";
import { actors } from "../actors.ts";
import { endedDue, type PinnedPolicy, pinnedPolicy, retentionDue } from "../batches.ts";
import type { BatchRow, BatchState } from "./batch.domain.ts";
import type { Due } from "./batch.writes.domain.ts";

/** The policy that a batch was accepted under, and the batch's client. */
export interface Pinned extends PinnedPolicy {
  clientPublicId: string;
  clientIdentifier: string;
}

/** How many policies are cached. One takes up to 64 kB. Most are also in the cache of `policy`, as the same objects. */
const MOST_KNOWN = 1_000;

/**
 * The pinned versions of policies, with their clients' public ids and identifiers. None of them ever changes, so the cache needs no invalidation. A
 * batch asks for them several times, and thousands of small batches ask for the same ones.
 */
export class PinnedPolicies {
  private readonly known = new LRUCache<string, Pinned>({ max: MOST_KNOWN });
  private readonly broker: ServiceBroker;

  constructor(broker: ServiceBroker) {
    this.broker = broker;
  }

  /** Throws unavailable. */
  async of(batch: Pick<BatchRow, "clientId" | "policyVersion">): Promise<Pinned> {
    const { clientId, policyVersion } = batch;
    const key = `${clientId}:${policyVersion}`;
    const known = this.known.get(key);
    if (known) return known;
    const [pinnedTo, client] = await Promise.all([
      pinnedPolicy(this.broker, batch),
      actors.clientCache.get(this.broker, { id: clientId }),
    ]);
    const { publicId = "", identifier = "" } = client ?? {};
    const pinned = { ...pinnedTo, clientPublicId: publicId, clientIdentifier: identifier };
    // Not cached, because the policy in force changes.
    if (client && !pinned.isGone) this.known.set(key, pinned);
    return pinned;
  }

  /** When a batch that ends now will be deleted. */
  async retentionOf(batch: BatchRow): Promise<Due> {
    return retentionDue((await this.of(batch)).policy);
  }

  /** When the first part of a batch that ends now in this state, and still has its body, will be deleted. */
  async endedOf(batch: BatchRow, state: BatchState): Promise<Due> {
    return endedDue((await this.of(batch)).policy, { ...batch, state });
  }
}
