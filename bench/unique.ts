/** What a unique key costs: the same batch with and without it. */
import { endOf, newPartner, slices, upload } from "./kit/http.ts";
import { startNode } from "./kit/node.ts";
import { orderSchema, ordersBody } from "./kit/orders.ts";
import { againstFloor, type Benchmark, inTurns, type Line, rate } from "./kit/report.ts";
import { onEach } from "./kit/servers.ts";

export const unique: Benchmark = async ({ size, rounds }) => {
  const rows = size === "quick" ? 50_000 : 200_000;
  const times = rounds ?? (size === "quick" ? 3 : 7);
  const { lines, notes } = await onEach((name, env) => measured(name, env, rows, times));
  return {
    title: `unique: ${rows.toLocaleString("en-US")} orders, from the claim until all are stored; ${times} rounds`,
    lines,
    notes,
  };
};

async function measured(name: string, env: Record<string, string>, rows: number, times: number): Promise<Line[]> {
  const node = await startNode(env);
  const body = ordersBody("ndjson", rows);

  /**
   * Uses a new client each time, so that all keys are new. Measures only the processing, because an upload does not look at keys.
   */
  const imported = async (policy: object) => {
    const partner = await newPartner(node.url, { schema: orderSchema, ...policy });
    const { id } = await upload(partner, "ndjson", slices(body));
    const { startedAt, finishedAt, counts } = await endOf(partner, id);
    if (counts.accepted !== rows) throw new Error(`${counts.accepted} of ${rows} were accepted.`);
    return (rows / (Date.parse(finishedAt as string) - Date.parse(startedAt as string))) * 1000;
  };
  const figures = await inTurns(times, {
    floor: () => imported({}),
    unique: () => imported({ uniqueKey: "id" }),
  });
  await node.stop();
  return [
    { label: `${name}: without a unique key`, figure: rate(figures.floor, "rows/s") },
    againstFloor(`${name}: with one, all keys new`, figures.unique, figures.floor, "rows/s", 25),
  ];
}
