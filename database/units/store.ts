/** The seams, as far as their units are the same in all dialects. */
import { attemptUnits } from "./attempts.ts";
import { fairnessUnits } from "./fairness.ts";
import { figureUnits } from "./figures.ts";
import { outboxUnits } from "./outbox.ts";
import { repeatUnits } from "./repeats.ts";
import type { Units } from "./unit.ts";
import { versionUnits } from "./versions.ts";

export const sharedStore = (on: Units) => ({
  ...attemptUnits(on),
  ...fairnessUnits(on),
  ...figureUnits(on),
  ...outboxUnits(on),
  ...repeatUnits(on),
  ...versionUnits(on),
});
