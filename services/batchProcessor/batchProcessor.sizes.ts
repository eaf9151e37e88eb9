import type { ServiceBroker } from "moleculer";
import { bounded } from "../../lib/batching/recent.ts";
import { actors } from "../actors.ts";
import { type Candidate, RECORDS_A_TURN } from "../batch/batch.domain.ts";
import { builtInHandler } from "./batchProcessor.handlers.ts";

/** `isSmall`: the batch may run in a group with others. */
export interface SizedCandidate extends Candidate {
  isSmall: boolean;
}

/** The most records of a small batch. A longer batch gains nothing from a group, because a commit of its own takes only a few ms. */
const SMALL_BYTES = 128 * 1024;
const MOST_KNOWN = 10_000;

/**
 * Decides which batches are small: those of one chunk for the built-in handler. A custom handler gets each batch alone and may take its
 * time, and a first pass that only checks needs two commits. A batch that a worker had before runs alone: if it kills workers or fails
 * commits, it must not cost other batches an attempt again.
 */
export class Sizes {
  private readonly broker: ServiceBroker;
  /** Whether a version of a policy names the built-in handler, which never changes. */
  private readonly builtIn = bounded<string, boolean>(MOST_KNOWN);

  constructor(broker: ServiceBroker) {
    this.broker = broker;
  }

  of(candidates: Candidate[]): Promise<SizedCandidate[]> {
    return Promise.all(
      candidates.map(async (one) => ({ ...one, isSmall: isSmall(one) && (await this.isBuiltIn(one)) })),
    );
  }

  /** A batch whose policy cannot be read now is claimed alone. One whose policy is gone fails at its claim. */
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
