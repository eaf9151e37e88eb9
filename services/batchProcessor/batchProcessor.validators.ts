import { LRUCache } from "lru-cache";
import { knownFormats, type RecordValidator } from "../../formats/formats.ts";
import { compileRecordSchema } from "../../formats/schema/record-schema.ts";
import type { BatchRow } from "../batch/batch.domain.ts";
import type { Outcome } from "../batch/batch.outcome.domain.ts";
import type { Policy } from "../policy/policy.contract.ts";

/** The most compiled schemas in the cache. One costs about 10 ms to compile and 100 kB. */
const MOST_VALIDATORS = 200;

/** Thrown for a schema that an earlier release with wider bounds accepted, and that this release cannot compile. */
export class UnusableSchema extends Error {
  /** No retry: another attempt would fail in the same way. */
  get outcome(): Outcome {
    const detail = `The policy's schema cannot be used (${this.message}). Once an operator has changed it, send the content again.`;
    return { outcome: "fail", code: "schema-unusable", detail };
  }
}

/** Compiles each policy version's schema once. Formats with text cells have a second validator, because it converts the cells. */
export class Validators {
  private readonly known = new LRUCache<string, RecordValidator>({ max: MOST_VALIDATORS });

  /** Throws UnusableSchema. */
  of({ clientId, policyVersion, format }: BatchRow, policy: Policy): RecordValidator {
    const coerce = knownFormats[format].hasCells;
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
