/** When batches wait for an operator: the checks of `requiresApproval` and `approveWhen`. */
import type { Fault } from "../../lib/errors.ts";
import { type Check, check, nullOr, object } from "./policy.fields.ts";
import { integer } from "./policy.values.ts";

const AFTER = "afterValidation";

export const requiresApproval: Check<boolean | typeof AFTER> = check(
  `true or false, or "${AFTER}"`,
  { enum: [true, false, AFTER] },
  (value) => typeof value === "boolean" || value === AFTER,
);

const percent: Check<number> = check(
  "a number from 0 to 100",
  { type: "number", minimum: 0, maximum: 100 },
  (value) => typeof value === "number" && value >= 0 && value <= 100,
);

const records = nullOr(integer(0, Number.MAX_SAFE_INTEGER));

/** A batch needs no approval if it exceeds none of these limits. Null: no such limit. */
export const approveWhen = object(
  { rejectedOver: records, rejectedPercentOver: nullOr(percent), recordsOver: records, deletedOver: records },
  { defaults: { rejectedOver: null, rejectedPercentOver: null, recordsOver: null, deletedOver: null } },
);

/** `approveWhen` needs figures, which a batch has only after its check. */
export const approvalFaults = (approval: unknown, limits: unknown): Fault[] =>
  limits === null || approval === AFTER
    ? []
    : [{ pointer: "/approveWhen", detail: `expected null, unless requiresApproval is "${AFTER}"` }];
