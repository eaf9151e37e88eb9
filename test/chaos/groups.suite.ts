/**
 * Floods of small batches, which workers process as groups. Meanwhile a worker is killed or frozen inside a group, and links are
 * lost while a group commits. The promise: each valid record is stored once, counts are exact, clients keep their shares, each
 * batch's end is reported, and no batch waits for ever. CHAOS_SEED repeats the order of faults; the rounds go on for
 * CHAOS_SECONDS.
 */
import { accepted, newClient, type TestClient } from "../helpers/http.ts";
import { until } from "../helpers/patience.ts";
import type { Cluster } from "./cluster/cluster.ts";
import { Logbook } from "./cluster/logbook.ts";
import { type Place, servers } from "./cluster/place.ts";
import { Told } from "./cluster/told.ts";
import { companyTables, intoTable } from "./company.ts";
import { bodyOf, headersOf, type Import, randomBy, randomImport, schema, tableSchema } from "./imports.ts";
import { isLong, SEED, secondsOr } from "./seconds.ts";
import { expectAllRight, isRestful, lastBatch, type Sent } from "./stored.ts";

const SECONDS = secondsOr(0);
/** Batches of each client in each round. They are enough for several groups. */
const FLOOD = isLong ? 100 : 64;
/** Batches into each table in each round. */
const INTO_TABLES = 2;
/** How many requests are sent at once. */
const SENDERS = 8;
/** One batch of this many is followed by its events. */
const FOLLOWED = 8;
const LEASE_MS = isLong ? 1_000 : 2_000;
/** A worker that holds this many batches has a group: one by one it would hold fewer. */
const GROUP = 8;
const WEIGHTS = [1, 3] as const;

export function floodSuite(cluster: Cluster): void {
  describe("a flood of small batches", () => floods(cluster));
}

function floods(cluster: Cluster): void {
  const logbook = new Logbook(cluster);
  const random = randomBy(SEED);
  const sent = new Map<string, Sent>();
  const answered = new Map<string, string>();
  let told: Told;
  /** The newest batch of the other suites. */
  let before: number;
  let clients: TestClient[];
  let intoTables: TestClient[];

  beforeAll(async () => {
    before = await lastBatch(cluster.select);
    told = await Told.open(cluster);
    // Clients may run more batches than the workers have places. So the batches of a lost worker take no place of their client
    // while their lease lasts.
    const policy = { schema, maxAttempts: 100, maxConcurrentBatches: 8, webhook: told.webhook };
    clients = await Promise.all(WEIGHTS.map((weight) => newClient(api().at, { ...policy, weight })));
    intoTables = await Promise.all(
      companyTables.map((table) =>
        newClient(api().at, { ...policy, ...intoTable(table), schema: tableSchema, chunkRecords: 5 }),
      ),
    );
    told.clients.push(...clients, ...intoTables);
  });
  afterAll(() => told?.close());
  const api = () => cluster.of("api")[0] as Place;

  async function send(client: TestClient, one: Import): Promise<void> {
    sent.set(one.key, { ...one, isAllOrNothing: false });
    const { "content-type": type, ...headers } = headersOf(one);
    const { id } = await accepted(api().at, client, bodyOf(one), type, headers);
    answered.set(one.key, id);
    if (answered.size % FOLLOWED === 0) told.follow(client, id);
  }

  /** Posts the batches of both clients in turns. */
  async function flood(round: number): Promise<void> {
    const all = Array.from({ length: FLOOD }, (_, n) =>
      clients.map((client, c) => [client, randomImport(`r${round}c${c}n${n}`, random, false)] as const),
    );
    await sendAll(all.flat());
  }

  async function floodTables(round: number): Promise<void> {
    const all = companyTables.map((table, t) =>
      Array.from({ length: INTO_TABLES }, (_, n) => {
        const one = randomImport(`r${round}t${t}n${n}`, random, false, table);
        return [intoTables[t] as TestClient, one] as const;
      }),
    );
    await sendAll(all.flat());
  }

  async function sendAll(all: (readonly [TestClient, Import])[]): Promise<void> {
    const next = all.values();
    await Promise.all(
      Array.from({ length: SENDERS }, async () => {
        for (const [client, one] of next) await send(client, one);
      }),
    );
  }

  /** The faults of a worker that holds a group. Each answers a function that ends the fault. */
  const faults = {
    async killed(place: Place) {
      await place.end("SIGKILL");
      return () => place.start();
    },
    async frozen(place: Place) {
      place.pause();
      return () => place.wake();
    },
    async cut(place: Place) {
      for (const server of servers) await place.links[server].shut();
      return async () => {
        for (const server of servers) await place.links[server].open();
      };
    },
    async silent(place: Place) {
      place.links.postgres.freeze();
      return () => place.links.postgres.thaw();
    },
    async deaf(place: Place) {
      for (const server of servers) place.links[server].deafen();
      return () => {
        for (const server of servers) place.links[server].thaw();
      };
    },
  };
  type Fault = keyof typeof faults;

  const grouping = async () => {
    const rows = await cluster.select<{ owner: string }>(
      `SELECT owner FROM batch WHERE owner IS NOT NULL GROUP BY owner HAVING count(*) >= ${GROUP}`,
    );
    const nodes = new Set(rows.map(({ owner }) => owner.split(":")[0]));
    const found = cluster.of("worker").filter(({ life }) => nodes.has(life.nodeId));
    return found.length > 0 && found;
  };

  /**
   * Holds all inserts, so that the workers take the whole flood as groups and their commits hang. Then two faults happen, and the
   * commits go on.
   */
  async function round(no: number, [one, other]: readonly [Fault, Fault]): Promise<void> {
    const workers = cluster.of("worker");
    for (const worker of workers) worker.pause();
    logbook.tell(`round ${no}`);
    await flood(no);
    const letGo = await cluster.hold("record");
    for (const worker of workers) worker.wake();
    const inGroup = await until(grouping, "a worker with a group");
    // These batches come after the groups were taken, because they would have taken places of the groups.
    await floodTables(no);
    const first = inGroup[0] as Place;
    const second = workers.find((worker) => worker !== first) as Place;
    logbook.tell(`round ${no}: ${first.name} ${one}, ${second.name} ${other}, ${inGroup.length} with groups`);
    const isHeldLonger = random() < 0.3;
    const ends = [await faults[one](first), await faults[other](second)];
    for (const server of ["redis", "rabbit"] as const) api().links[server].cut();
    if (isHeldLonger) await wait(random() * LEASE_MS);
    await letGo();
    await wait(LEASE_MS * (0.3 + random()));
    for (const end of ends) await end();
    logbook.tell("the faults are over");
    await cluster.untilWhole();
    logbook.tell("all nodes are whole");
    await until(() => cluster.isTrue(isRestful), "all to be at rest", 60_000);
    await expectShares(no);
  }

  /**
   * Checks the shares by the order of the first claims. When half of the heavier client's batches are claimed, about a third as
   * many of the lighter client's are.
   */
  async function expectShares(no: number): Promise<void> {
    const claims = `SELECT started_at AS at, request_id LIKE 'r${no}c1%' AS "isHeavy" FROM batch WHERE request_id LIKE 'r${no}c%'`;
    const rows = await cluster.select<{ at: number; isHeavy: boolean }>(`${claims} ORDER BY started_at`);
    expect(rows).toHaveLength(2 * FLOOD);
    const half = rows.filter(({ isHeavy }) => isHeavy)[FLOOD / 2]?.at as number;
    const before = rows.filter(({ at }) => Number(at) <= Number(half));
    const heavy = before.filter(({ isHeavy }) => isHeavy).length;
    logbook.tell(`round ${no}: ${heavy} of the heavy client beside ${before.length - heavy} of the light one`);
    shares.push((before.length - heavy) / heavy);
  }
  const shares: number[] = [];

  test(
    `shares, counts and events stay right whatever happens inside a group (CHAOS_SEED=${SEED})`,
    async () => {
      logbook.tell(`CHAOS_SEED=${SEED}`);
      const endAt = performance.now() + SECONDS * 1_000;
      try {
        for (let no = 0; no < 1 || performance.now() < endAt; no++) await round(no, pairAt(no));
        logbook.tell("all is at rest");
        await told.untilAllIsSent((isSent, what) => until(isSent, what, 60_000));
        await expectAllRight(cluster.select, sent, answered, before);
        await told.expectAllTold();
        const share = shares.reduce((sum, one) => sum + one, 0) / shares.length;
        expect(share).toBeGreaterThan(1 / 6);
        expect(share).toBeLessThan(2 / 3);
        expect(cluster.places.flatMap(({ deaths }) => deaths)).toEqual([]);
        expect(logbook.defects()).toEqual([]);
      } catch (error) {
        const { message } = error as Error;
        throw new Error(`${message}\nThe faults and the nodes' logs are in ${logbook.keep()}`, { cause: error });
      }
      if (isLong) console.log(`Kept in ${logbook.keep()}: ${answered.size} batches, ${shares.length} rounds`, shares);
    },
    // On a busy machine the webhooks of all batches take longer than the rounds.
    300_000 + SECONDS * 5_000,
  );

  /**
   * The pair of faults of a round. A short run takes one of the most telling pairs, by the seed. A long run goes through all
   * pairs in a random order.
   */
  function pairAt(no: number): readonly [Fault, Fault] {
    if (!isLong) return shortPairs[SEED % shortPairs.length] as readonly [Fault, Fault];
    const names = Object.keys(faults) as Fault[];
    const pairs = names.flatMap((one) => names.map((other) => [one, other] as const));
    order ??= pairs
      .map((pair) => [random(), pair] as const)
      .sort(([a], [b]) => a - b)
      .map(([, pair]) => pair);
    return order[no % order.length] as readonly [Fault, Fault];
  }
  const shortPairs: (readonly [Fault, Fault])[] = [
    ["killed", "cut"],
    ["killed", "frozen"],
    ["frozen", "cut"],
  ];
  let order: (readonly [Fault, Fault])[] | null = null;
}

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
