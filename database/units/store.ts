/** The seams, as far as their units are the same in all dialects. */
import { attemptUnits } from "./attempts.ts";
import { fairnessUnits } from "./fairness.ts";
import { figureUnits } from "./figures.ts";
import { keyUnits } from "./keys.ts";
import { moveUnits } from "./moves.ts";
import { outboxUnits } from "./outbox.ts";
import { readUnits } from "./reads.ts";
import { removalUnits } from "./removal.ts";
import { type Repeats, repeatUnits } from "./repeats.ts";
import type { Units } from "./unit.ts";
import { uploadUnits } from "./uploads.ts";
import { versionUnits } from "./versions.ts";
import { workUnits } from "./work.ts";

export const sharedStore = (on: Units, repeats: Repeats) => ({
  ...attemptUnits(on),
  ...fairnessUnits(on),
  ...figureUnits(on),
  ...keyUnits(on),
  ...moveUnits(on),
  ...outboxUnits(on),
  ...readUnits(on),
  ...removalUnits(on),
  ...repeatUnits(on, repeats),
  ...uploadUnits(on, repeats),
  ...versionUnits(on),
  ...workUnits(on),
});
