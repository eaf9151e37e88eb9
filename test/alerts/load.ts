/** A small load on the cluster: each second two uploads, one that waits for its end, and some questions. */
import { setTimeout as sleep } from "node:timers/promises";
import { get, newClient, post, type TestClient } from "../helpers/http.ts";

const PAUSE_MS = 500;

/** So many records of one field, each line another. */
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
      // While a fault lasts, many of them fail: what counts is that somebody asks.
      await Promise.allSettled([
        inVain(post(url, this.client, records(20), undefined, turn % 4 === 0 ? { prefer: "wait=60" } : {})),
        inVain(get(url, this.client, "/imports?limit=5")),
        inVain(get(url, this.client, "/policy")),
        sleep(PAUSE_MS),
      ]);
    }
  }
}

/** Reads the answer, for a body that nobody reads keeps its connection. */
const inVain = async (answer: Promise<Response>) => void (await (await answer).text());
