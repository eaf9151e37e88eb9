/** The calls of operators about figures, by their routes below /admin. */
import { schemaRef } from "../../../lib/json-schema.ts";
import { type Call, content } from "./kit.ts";

const day = {
  step: "1d",
  from: "2026-11-22T00:00:00.000Z",
  series: { accepted: [901_244, 412_010], rejected: [310, 12], duplicate: [0, 4] },
  partial: true,
};

export const figureCalls = {
  "GET /stats/history": {
    id: "getStatsHistory",
    summary: "See what was counted over time, for charts",
    description:
      "Sums of all nodes by steps that begin at multiples of their length since 1970 (UTC). At most 1,500 points. Steps of `10s` are of the last ten minutes and " +
      "of the nodes that run now. `1m` reaches 48 hours back, `1h` and `1d` 90 days. With `client` from `1m` on, for the 200 clients with most records and requests " +
      "of each minute, once the minute is over. A node that is killed loses what it has counted in its last ten seconds.",
    parameters: ["historyFrom", "historyTo", "step", "series", "historyClient"],
    answers: {
      200: { description: "The series.", content: content(schemaRef("StatsHistory"), { day }) },
    },
  },
} satisfies Record<string, Call>;
