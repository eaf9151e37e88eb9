import { LRUCache } from "lru-cache";
import type { ServiceBroker } from "moleculer";
import { type Candidate, RECORDS_A_TURN } from "../../database/store.ts";
import { actors } from "../actors.ts";
import { builtInHandler } from "./batchProcessor.handlers.ts";

/** `isSmall`: it may be worked together with others. */
export interface SizedCandidate extends Candidate {
  isSmall: boolean;
}

/** A longer batch gains nothing: its own commit takes a few ms. */
const SMALL_BYTES = 128 * 1024;
const MOST_KNOWN = 10_000;

/**
 * Which batches are small: of one chunk, for the built-in handler. Any other handler sees each batch by itself, for as long as
 * it likes; and a first pass that only checks takes two commits. One that somebody had before, and did not end, is worked alone:
 * what kills a worker, or fails its commit, must not take the same neighbours with it again and count attempts for them.
 */
export class Sizes {
  private readonly broker: ServiceBroker;
  /** Whether a version of a policy names the built-in handler, which never changes. */
  private readonly builtIn = new LRUCache<string, boolean>({ max: MOST_KNOWN });

  constructor(broker: ServiceBroker) {
    this.broker = broker;
  }

  of(candidates: Candidate[]): Promise<SizedCandidate[]> {
    return Promise.all(
      candidates.map(async (one) => ({ ...one, isSmall: isSmall(one) && (await this.isBuiltIn(one)) })),
    );
  }

  /** A batch without a readable policy is claimed alone, and fails alone. */
  private async isBuiltIn({ clientId, policyVersion: version }: Candidate): Promise<boolean> {
    const key = `${clientId}:${version}`;
    const known = this.builtIn.get(key);
    if (known !== undefined) return known;
    try {
      const { policy } = await actors.policy.version(this.broker, { clientId, version });
      this.builtIn.set(key, policy.handler === builtInHandler);
      return policy.handler === builtInHandler;
    } catch {
      return false;
    }
  }
}

const isSmall = ({ chunks, records, bytes, phase, fence }: Candidate): boolean =>
  fence === 0 && phase === "deliver" && chunks === 1 && records <= RECORDS_A_TURN && bytes <= SMALL_BYTES;
