/**
 * The promise: Ctrl-C in the middle of `npm run soak` ends it at once. It leaves nothing in the servers or in the folder for
 * temporary files.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "../../root.cjs";
import { onServer } from "../helpers/database.ts";
import { until } from "../helpers/patience.ts";
import { canRun, lackOf } from "../helpers/servers.ts";

/** Rows: two seconds of the load's small batches, or the beginning of its first file. */
const IN_THE_MIDDLE = 2_000;

const isThere = canRun("soak", [lackOf("postgres"), lackOf("redis"), lackOf("rabbit")]);

(isThere ? test : test.skip)(
  "Ctrl-C ends a soak and removes what it has made",
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "dataflow-soak-"));
    // The process has a group of its own, as in a terminal, so that the signal reaches the nodes too.
    const soak = spawn(join(root, "node_modules/.bin/node"), ["bench/soak.ts"], {
      cwd: root,
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, SOAK_MINUTES: "1", TMPDIR: folder, NODE_OPTIONS: "" },
    });
    const pid = soak.pid as number;
    const named = `dataflow_bench_${pid}_`;
    const ended = once(soak, "close");
    let said = "";
    for (const stream of [soak.stdout, soak.stderr])
      stream.on("data", (bytes: Buffer) => {
        said += bytes;
      });
    await until(
      () => said.includes(" 0 s: ") || soak.exitCode !== null,
      () => said,
      120_000,
    );
    expect(said).toMatch(/api-1 .*heap .*worker-2 .*heap .*single .*heap/);
    await onServer("SELECT 1", async (client) => {
      const stored = "SELECT sum(tup_inserted) AS n FROM pg_stat_database WHERE starts_with(datname, $1)";
      await until(
        async () => (await client.query(stored, [named])).rows[0].n > IN_THE_MIDDLE,
        () => said,
      );
    });
    process.kill(-pid, "SIGINT");
    // The second signal, which npm passes on.
    process.kill(pid, "SIGINT");
    expect([...(await ended), said]).toEqual([130, null, said]);
    expect(said).not.toMatch(/^\w*Error: |left behind|Unhandled/m);
    expect(() => process.kill(-pid, 0)).toThrow("ESRCH");
    await onServer("SELECT 1", async (client) => {
      const left = "SELECT datname FROM pg_database WHERE starts_with(datname, $1)";
      expect((await client.query(left, [named])).rows).toEqual([]);
    });
    expect(readdirSync(folder)).toEqual([]);
    rmSync(folder, { recursive: true });
  },
  180_000,
);
