import { action } from "../declare.ts";

export const retentionActions = {
  /** Something is to be deleted that was not due before. Returns at once. */
  wake: action({}).answers<void>(),
};
