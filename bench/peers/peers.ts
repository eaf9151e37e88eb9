/** Other job queues. Each wakes its worker in its fastest way. A job carries its id and the same body as ours. */
import { peer } from "../kit/needs.ts";

export interface Arrival {
  id: string;
  /** The time from `process.hrtime.bigint()`, as text. */
  at: string;
}

/** The servers that keep a peer's jobs. */
export interface Place {
  databaseUrl: string;
  redisUrl: string;
  /** The name of the peer's schema, or the prefix of its keys. */
  name: string;
}

export interface Job {
  id: string;
  body: string;
}

interface Peer {
  packages: string[];
  label: string;
  /** Starts the sender of jobs. */
  sender(place: Place): Promise<{ add(job: Job): Promise<unknown>; stop(): Promise<unknown> }>;
  /** Starts a worker. Resolves once it takes jobs. */
  work(place: Place, tell: (id: string) => void): Promise<unknown>;
}

const QUEUE = "jobs";
export const peerNames = ["pgBoss", "bullmq", "graphile"] as const;
export type PeerName = (typeof peerNames)[number];

export interface PgBoss<Job> {
  PgBoss: new (
    options: object,
  ) => {
    on(event: "error", listener: (error: Error) => void): void;
    start(): Promise<unknown>;
    stop(options?: object): Promise<unknown>;
    createQueue(name: string, options: object): Promise<unknown>;
    send(name: string, data: Job): Promise<unknown>;
    work(name: string, options: object, handler: (jobs: { data: Job }[]) => Promise<void>): Promise<unknown>;
  };
}

async function pgBoss({ databaseUrl, name }: Place) {
  const { PgBoss } = await peer<PgBoss<Job>>("pg-boss");
  const boss = new PgBoss({ connectionString: databaseUrl, schema: name, useListenNotify: true });
  boss.on("error", console.error);
  await boss.start();
  await boss.createQueue(QUEUE, { notify: true });
  return boss;
}

interface Bullmq {
  Queue: new (
    name: string,
    options: object,
  ) => { add(name: string, job: Job, options: object): Promise<unknown>; close(): Promise<void> };
  Worker: new (
    name: string,
    handler: (job: { data: Job }) => Promise<void>,
    options: object,
  ) => { waitUntilReady(): Promise<unknown> };
}

const redisOf = ({ redisUrl, name }: Place) => {
  const { hostname, port } = new URL(redisUrl);
  return { prefix: name, connection: { host: hostname, port: Number(port || 6379), maxRetriesPerRequest: null } };
};

interface Graphile {
  makeWorkerUtils(options: object): Promise<{
    migrate(): Promise<void>;
    addJob(name: string, job: Job): Promise<unknown>;
    release(): Promise<void>;
  }>;
  run(options: object): Promise<unknown>;
  Logger: new (make: () => () => void) => object;
}

const graphile = () => peer<Graphile>("graphile-worker");

export const peers: Record<PeerName, Peer> = {
  pgBoss: {
    packages: ["pg-boss"],
    label: "pg-boss with notify",
    async sender(place) {
      const boss = await pgBoss(place);
      return { add: (job) => boss.send(QUEUE, job), stop: () => boss.stop({ graceful: false }) };
    },
    async work(place, tell) {
      const boss = await pgBoss(place);
      await boss.work(QUEUE, { batchSize: 1 }, async ([job]) => tell((job as { data: Job }).data.id));
    },
  },
  bullmq: {
    packages: ["bullmq"],
    label: "BullMQ",
    async sender(place) {
      const { Queue } = await peer<Bullmq>("bullmq");
      const queue = new Queue(QUEUE, redisOf(place));
      return { add: (job) => queue.add("job", job, { removeOnComplete: true }), stop: () => queue.close() };
    },
    async work(place, tell) {
      const { Worker } = await peer<Bullmq>("bullmq");
      const worker = new Worker(QUEUE, async ({ data }) => tell(data.id), redisOf(place));
      await worker.waitUntilReady();
    },
  },
  graphile: {
    packages: ["graphile-worker"],
    label: "graphile-worker",
    async sender({ databaseUrl, name: schema }) {
      const { makeWorkerUtils, Logger } = await graphile();
      const logger = new Logger(() => () => {});
      const utils = await makeWorkerUtils({ connectionString: databaseUrl, schema, logger });
      await utils.migrate();
      return { add: (job) => utils.addJob(QUEUE, job), stop: () => utils.release() };
    },
    async work({ databaseUrl, name: schema }, tell) {
      const { run, Logger } = await graphile();
      await run({
        connectionString: databaseUrl,
        schema,
        concurrency: 4,
        noHandleSignals: true,
        logger: new Logger(() => () => {}),
        taskList: { [QUEUE]: async (job: Job) => tell(job.id) },
      });
    },
  },
};
