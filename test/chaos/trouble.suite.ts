/**
 * Runs two api nodes and two workers (three in a long run) under load for CHAOS_SECONDS. Meanwhile nodes are killed, paused and
 * stopped, and links to Redis, RabbitMQ and PostgreSQL are cut, frozen and slowed. CHAOS_SEED repeats the order of these faults.
 * At the end every batch that was answered with 202 has ended, each record is stored once, its partner was told, and every node
 * is ready. A failed run keeps its faults and the nodes' logs in a folder, and prints its name.
 */
import { consumersOf } from "../helpers/amqp.ts";
import { accepted, newClient } from "../helpers/http.ts";
import { patience, until } from "../helpers/patience.ts";
import type { Cluster } from "./cluster/cluster.ts";
import { type Play, troubleLinks, troubleNodes } from "./cluster/faults.ts";
import { Load, type Partner } from "./cluster/load.ts";
import { Logbook } from "./cluster/logbook.ts";
import type { Place } from "./cluster/place.ts";
import { Told } from "./cluster/told.ts";
import { companyTables, intoTable } from "./company.ts";
import { randomBy, schema, tableSchema } from "./imports.ts";
import { isLong, SEED, secondsOr } from "./seconds.ts";
import { expectAllRight, expectOneByOne, isRestful, lastBatch } from "./stored.ts";

const SECONDS = secondsOr(3);
/** This many senders post small bodies one after another. Workers process these batches as groups. */
const FLOOD = 6;
/** The time until the cluster is idle: the lease and the lock end, the sweep runs, and the waiting batches are processed. */
const REST_MS = isLong ? 120_000 : 40_000;
const LEASE_MS = isLong ? 4_000 : 2_000;
/** The time in which a planned stop hands its batches back. */
const HANDED_BACK_MS = 2_000;
const SHUTDOWN_MS = isLong ? 10_000 : 6_000;

export function troubleSuite(cluster: Cluster): void {
  describe("in trouble", () => trouble(cluster));
}

function trouble(cluster: Cluster): void {
  let told: Told;
  /** The newest batch of the other suites. */
  let before: number;
  /** A client whose batches run one after another. */
  let inOrder: string;
  const { places, select } = cluster;
  const logbook = new Logbook(cluster);

  beforeAll(async () => {
    before = await lastBatch(select);
    told = await Told.open(cluster);
  });
  afterAll(() => told?.close());

  async function makePartners(): Promise<Partner[]> {
    const url = (cluster.of("api")[0] as Place).at;
    const policy = { schema, chunkRecords: 100, maxAttempts: 100 };
    const small = await newClient(url, { ...policy, maxConcurrentBatches: 1 });
    const large = await newClient(url, { ...policy, order: "fifo" });
    inOrder = large.id;
    const long = await newClient(url, { ...policy, chunkRecords: 10, weight: 10, maxConcurrentBatches: 3 });
    const strict = await newClient(url, { ...policy, onInvalid: "rejectBatch" });
    const flood = await newClient(url, { ...policy, maxConcurrentBatches: 1, webhook: told.webhook });
    told.clients.push(flood);
    const accepted = (id: string) => told.follow(flood, id);
    const intoTables = companyTables.map(async (table): Promise<Partner> => {
      const client = await newClient(url, { ...policy, schema: tableSchema, ...intoTable(table) });
      return { client, isLarge: table !== "logged", isAllOrNothing: false, table };
    });
    return [
      ...Array.from({ length: FLOOD }, () => ({ client: flood, isLarge: false, isAllOrNothing: false, accepted })),
      { client: small, isLarge: false, isAllOrNothing: false },
      { client: large, isLarge: true, isAllOrNothing: false },
      { client: large, isLarge: true, isAllOrNothing: false },
      { client: long, isLarge: true, isAllOrNothing: false },
      { client: strict, isLarge: true, isAllOrNothing: true },
      { client: strict, isLarge: false, isAllOrNothing: true },
      ...(await Promise.all(intoTables)),
    ];
  }

  const ownedBy = (nodeId: string) => `SELECT count(*) > 0 AS is_there FROM batch WHERE owner LIKE '${nodeId}:%'`;

  async function leaving(place: Place): Promise<void> {
    const { nodeId } = place.life;
    const began = performance.now();
    while (await cluster.isTrue(ownedBy(nodeId))) {
      if (place.isAiling) return;
      if (performance.now() - began > patience(HANDED_BACK_MS))
        return void lateHandBacks.push(`${place.name} (${nodeId}) still holds a batch`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  const lateHandBacks: string[] = [];

  /** Ended batches, each as it was first read. Nothing may change them any more. */
  const ended = new Map<string, string>();
  const changed: string[] = [];
  async function watchEnded(): Promise<void> {
    const rows = await select<{ id: string }>(
      "SELECT public_id AS id, state, fence, accepted, rejected, finished_at FROM batch WHERE finished_at IS NOT NULL",
    );
    for (const row of rows) {
      const now = JSON.stringify(row);
      const before = ended.get(row.id) ?? now;
      if (now !== before) changed.push(`${before} → ${now}`);
      ended.set(row.id, before);
    }
  }

  /** Checks that no node hangs: every worker listens and processes batches. */
  async function allWork(): Promise<void> {
    await until(
      async () => (await consumersOf(cluster.namespace)) === cluster.of("worker").length,
      "every worker to listen to the queue",
      10_000,
    );
    const apis = cluster.of("api");
    const idle = new Set(cluster.of("worker").map(({ life }) => life.nodeId));
    const body = Array.from({ length: isLong ? 600 : 200 }, (_, i) => `{"i":${i},"amount":1}`).join("\n");
    const client = await newClient((apis[0] as Place).at, { chunkRecords: 2, maxConcurrentBatches: 6 });
    await until(async () => {
      const owners = await select<{ owner: string }>("SELECT owner FROM batch WHERE owner IS NOT NULL");
      for (const { owner } of owners) idle.delete(owner.split(":")[0] as string);
      if (owners.length < 6) await Promise.all(apis.map((api) => accepted(api.at, client, body)));
      return idle.size === 0;
    }, "every worker to take its part");
  }

  test(
    `loses nothing and repeats nothing (CHAOS_SEED=${SEED}, ${SECONDS} s)`,
    async () => {
      try {
        await run();
      } catch (error) {
        throw new Error(`${(error as Error).message}\nThe faults and the nodes' logs are in ${logbook.keep()}`, {
          cause: error,
        });
      }
    },
    REST_MS + SECONDS * 2_000 + 120_000,
  );

  async function run(): Promise<void> {
    logbook.tell(`CHAOS_SEED=${SEED} CHAOS_SECONDS=${SECONDS}`);
    const load = new Load(cluster.of("api"), await makePartners(), SEED, isLong ? 800 : 300);
    const endAt = performance.now() + SECONDS * 1_000;
    const play: Omit<Play, "random"> = {
      places,
      lengths: isLong
        ? { gapMs: 4_000, linkMs: 20_000, pauseMs: LEASE_MS * 1.5 }
        : { gapMs: 1_000, linkMs: 3_000, pauseMs: LEASE_MS * 1.2 },
      isOver: () => performance.now() > endAt,
      tell: logbook.tell,
      leaving,
    };
    const watching = setInterval(() => void watchEnded().catch((error) => changed.push(String(error))), 500);
    try {
      await Promise.all([
        troubleLinks({ ...play, random: randomBy(SEED + 1_000) }),
        troubleNodes({ ...play, random: randomBy(SEED + 2_000) }),
      ]);
      logbook.tell("the faults are over");
      await load.end();
      logbook.tell("the load is over");
      await cluster.untilWhole();
      logbook.tell("all nodes are whole");
      await until(() => cluster.isTrue(isRestful), "all to be at rest", REST_MS);
      logbook.tell("all is at rest");
      await told.untilAllIsSent((isSent, what) => until(isSent, what, REST_MS));
      logbook.tell("all is told");
    } finally {
      clearInterval(watching);
    }
    await verdict(load);
  }

  async function verdict(load: Load): Promise<void> {
    await watchEnded();
    expect(load.unexpected).toEqual([]);
    const found = await expectAllRight(select, load.sent, load.answered, before);
    await expectOneByOne(select, inOrder, 1);
    await told.expectAllTold();
    const stored = new Set(found.map(({ key }) => key));
    const figures = {
      sent: load.sent.size,
      answered: load.answered.size,
      refused: load.refused.size,
      undecided: load.undecided.size,
      unknownYetStored: found.length - load.answered.size,
    };
    logbook.tell(JSON.stringify(figures));
    expect([...load.refused, ...load.brokenOff].filter((key) => stored.has(key))).toEqual([]);
    expect(load.answered.size).toBeGreaterThan(SECONDS);
    expect(found.some(({ created }) => Number(created) > 0)).toBe(true);
    await allWork();
    await until(() => cluster.isTrue(isRestful), "all to be at rest again", REST_MS);
    await watchEnded();
    expect({ changed, lateHandBacks }).toEqual({ changed: [], lateHandBacks: [] });
    await nodesAreSound();
    if (isLong) console.log(`Kept in ${logbook.keep()}`, figures);
  }

  async function nodesAreSound(): Promise<void> {
    expect(places.flatMap(({ deaths }) => deaths)).toEqual([]);
    const exits = await Promise.all(places.map((place) => place.end("SIGTERM")));
    for (const exit of exits) expect(exit).toMatchObject({ code: 0, signal: null });
    expect(Math.max(...exits.map(({ ms }) => ms))).toBeLessThan(patience(SHUTDOWN_MS));
    expect(logbook.defects()).toEqual([]);
  }
}
