import { action } from "../declare.ts";
import type { FiguresAt } from "./stats.domain.ts";

export const statsActions = {
  /** The figures of each step in which there are some, by all nodes. `clientId` 0: of all clients. Times are epoch ms. Throws unavailable. */
  history: action({
    clientId: { type: "number" },
    from: { type: "number" },
    to: { type: "number" },
    stepMs: { type: "number", integer: true, min: 1 },
  }).answers<FiguresAt[]>(),
  /** How many deliveries were given up in the last 24 hours. The answer may be 30 s old. Throws unavailable. */
  failedDeliveries: action({}).answers<number>(),
};
