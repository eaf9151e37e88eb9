/** The seams, as far as their units are the same in all dialects. */
import { attemptUnits } from "./attempts.ts";
import { outboxUnits } from "./outbox.ts";
import type { Units } from "./unit.ts";
import { versionUnits } from "./versions.ts";

export const sharedStore = (on: Units) => ({
  ...attemptUnits(on),
  ...outboxUnits(on),
  ...versionUnits(on),
});
