/**
 * A small load on the cluster. Each second it sends two uploads, one request that waits for the end of a batch, and some reads.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { get, newClient, post, type TestClient } from "../helpers/http.ts";

const PAUSE_MS = 500;

/** The body of this many records with one field. Each line is different. */
export const records = (count: number, value = 1): string =>
  Array.from({ length: count }, (_, i) => `{"no":${i},"value":${value}}\n`).join("");

export class Load {
  private readonly urls: string[];
  private client!: TestClient;
  private isOn = true;
  private running: Promise<void> = Promise.resolve();

  constructor(urls: string[]) {
    this.urls = urls;
  }

  async start(): Promise<void> {
    this.client = await newClient(this.urls[0] as string, { maxConcurrentBatches: 10 });
    this.running = this.run();
  }

  async stop(): Promise<void> {
    this.isOn = false;
    await this.running;
  }

  private async run(): Promise<void> {
    for (let turn = 0; this.isOn; turn++) {
      const url = this.urls[turn % this.urls.length] as string;
      // During a fault many requests fail. Their results do not matter; the requests themselves are the load.
      await Promise.allSettled([
        inVain(post(url, this.client, records(20), undefined, turn % 4 === 0 ? { prefer: "wait=60" } : {})),
        inVain(get(url, this.client, "/imports?limit=5")),
        inVain(get(url, this.client, "/policy")),
        sleep(PAUSE_MS),
      ]);
    }
  }
}

/** Reads the answer and ignores it. An answer that nobody reads keeps its connection open. */
const inVain = async (answer: Promise<Response>) => void (await (await answer).text());
