import { action } from "../declare.ts";
import type { AlertTest } from "./alerts.domain.ts";

export const alertsActions = {
  /** Sends a line of test, once, and answers what the chat said. Throws alerts-off. */
  test: action({}).answers<AlertTest>(),
};
