import { action } from "../declare.ts";

export const retentionActions = {
  /** Starts a round soon: something new is due for deletion. Returns at once. */
  wake: action({}).answers<void>(),
};
