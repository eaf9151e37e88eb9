import { action } from "../declare.ts";
import type { AlertTest } from "./alerts.domain.ts";

export const alertsActions = {
  /** Sends a line that tells of nothing, once, and answers what the receiver said. Throws alerts-off. */
  test: action({}).answers<AlertTest>(),
};
