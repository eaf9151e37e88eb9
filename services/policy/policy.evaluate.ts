import type { Format } from "../../formats/formats.ts";
import type { Decision } from "./policy.contract.ts";
import type { Policy } from "./policy.document.ts";
import { windowOpens } from "./policy.window.ts";

interface StoredBody {
  format: Format;
  bytes: number;
  records: number;
  nowMs: number;
}

/** Decides on a complete body. Approval is asked first: an operator may approve outside the window. */
export function evaluatePolicy(policy: Policy, { nowMs }: StoredBody): Decision {
  if (policy.requiresApproval) return { decision: "held", hold: "approval", until: null };
  const opens = policy.window === null ? null : windowOpens(policy.window, nowMs);
  return opens === null ? { decision: "ready" } : { decision: "held", hold: "window", until: opens };
}
