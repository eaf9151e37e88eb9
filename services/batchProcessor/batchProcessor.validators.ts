import { LRUCache } from "lru-cache";
import type { RecordValidator } from "../../formats/formats.ts";
import { compileRecordSchema } from "../../formats/schema/record-schema.ts";
import type { BatchRow } from "../batch/batch.contract.ts";
import type { Policy } from "../policy/policy.contract.ts";

/** The most compiled schemas in the cache. One costs about 10 ms to compile and 100 kB. */
const MOST_VALIDATORS = 200;

/** An earlier release with wider bounds accepted this schema. This release cannot compile it. */
export class UnusableSchema extends Error {}

/** Schemas are compiled once for each policy version; CSV converts text, so it has a validator of its own. */
export class Validators {
  private readonly known = new LRUCache<string, RecordValidator>({ max: MOST_VALIDATORS });

  /** Throws UnusableSchema. */
  of({ clientId, policyVersion, format }: BatchRow, policy: Policy): RecordValidator {
    const coerce = format === "csv";
    const key = `${clientId}:${policyVersion}:${coerce}`;
    const known = this.known.get(key);
    if (known) return known;
    const validator = compiled(policy, coerce);
    this.known.set(key, validator);
    return validator;
  }
}

function compiled({ schema }: Policy, coerce: boolean): RecordValidator {
  try {
    return compileRecordSchema(schema, { coerce });
  } catch (error) {
    throw new UnusableSchema((error as Error).message);
  }
}
