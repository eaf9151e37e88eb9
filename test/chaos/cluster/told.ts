/** What partners are told of their batches, by webhooks and by server-sent events, while nodes and links fail. */
import { finalStates } from "../../../services/batch/batch.domain.ts";
import { readEvents, type SentEvent } from "../../helpers/events.ts";
import type { TestClient } from "../../helpers/http.ts";
import { type Receiver, startReceiver } from "../../helpers/receiver.ts";
import type { Cluster } from "./cluster.ts";

interface Ended {
  id: string;
  state: string;
  version: number;
}

/** What one batch's stream has shown, over all its connections. */
interface Followed {
  id: string;
  versions: number[];
  last: string | null;
}

/** A reader whose stream broke comes again after this time, as browsers do, only sooner. */
const COMES_AGAIN_MS = 100;

export class Told {
  /** The partners that have a webhook. */
  readonly clients: TestClient[] = [];
  private readonly cluster: Cluster;
  private readonly receiver: Receiver;
  private readonly followed: Followed[] = [];
  private readonly readers: Promise<void>[] = [];
  private isOver = false;

  private constructor(cluster: Cluster, receiver: Receiver) {
    this.cluster = cluster;
    this.receiver = receiver;
  }

  static async open(cluster: Cluster): Promise<Told> {
    return new Told(cluster, await startReceiver());
  }

  /** A field of the policy. */
  get webhook() {
    return { url: this.receiver.url, events: ["batch.created", "batch.ready", "batch.completed"] };
  }

  /** Follows a batch to its end, at whichever api node answers. */
  follow(client: TestClient, id: string): void {
    const one: Followed = { id, versions: [], last: null };
    this.followed.push(one);
    this.readers.push(this.read(client, one));
  }

  private async read(client: TestClient, one: Followed): Promise<void> {
    const apis = this.cluster.of("api");
    for (let n = 0; !this.isOver; n++) {
      const { url } = apis[n % apis.length] as (typeof apis)[number];
      const events = url ? await this.eventsAt(url, client, one) : [];
      one.versions.push(...events.map((event) => Number(event.id)));
      one.last = events.at(-1)?.batch.status ?? one.last;
      if (hasEnded(one)) return;
      await new Promise((resolve) => setTimeout(resolve, COMES_AGAIN_MS));
    }
  }

  /** Those of one connection, however it ends. */
  private async eventsAt(url: string, client: TestClient, { id, versions }: Followed): Promise<SentEvent[]> {
    const seen = versions.at(-1);
    const headers: Record<string, string> = seen === undefined ? {} : { "last-event-id": String(seen) };
    const reader = await readEvents(url, client, `/imports/${id}/events`, headers).catch(() => null);
    await reader?.ended.catch(() => {});
    return reader?.response.ok ? reader.events : [];
  }

  /** Once all is at rest: what a dead or frozen node had taken to send is due now, not when its lease is over. */
  async untilAllIsSent(until: (isSent: () => Promise<boolean>, what: string) => Promise<unknown>): Promise<void> {
    await this.cluster.select("UPDATE delivery SET due_at = 0 WHERE due_at IS NOT NULL");
    const allSent = "SELECT NOT EXISTS (SELECT 1 FROM delivery WHERE state <> 'delivered')";
    await until(() => this.cluster.isTrue(allSent), "all webhooks to be sent");
    await until(async () => this.followed.every(hasEnded), "the readers to hear of the ends");
  }

  /** Each batch's end was told, by its only event of that kind, and nothing later than its end. */
  async expectAllTold(): Promise<void> {
    const ids = this.clients.map(({ id }) => `'${id}'`).join(",");
    const ends = await this.cluster.select<Ended>(
      `SELECT b.public_id AS id, b.state, b.version FROM batch b JOIN client c ON c.id = b.client_id WHERE c.public_id IN (${ids})`,
    );
    expect(ends.flatMap((end) => this.wrongAtWebhook(end))).toEqual([]);
    const byId = new Map(ends.map((end) => [end.id, end]));
    expect(this.followed.flatMap((one) => wrongInStream(one, byId.get(one.id)))).toEqual([]);
    await this.close();
  }

  private wrongAtWebhook({ id, state, version }: Ended): string[] {
    const got = this.receiver.got.filter(({ event }) => event.subject === id);
    const events = [...new Map(got.map(({ event }) => [event.id, event])).values()];
    // A batch is created and ready by one commit, so both have its version.
    const place = (type: string) => this.webhook.events.indexOf(type);
    events.sort((a, b) => Number(a.data.version) - Number(b.data.version) || place(a.type) - place(b.type));
    const shown = events.map(({ type, data }) =>
      type === "batch.completed" ? `${data.version} ${data.status}` : type,
    );
    const right = new RegExp(`^batch.created(, batch.ready)+, ${version} ${state}$`);
    return right.test(shown.join(", ")) ? [] : [`${id} (${version} ${state}) was told: ${shown.join(", ")}`];
  }

  async close(): Promise<void> {
    this.isOver = true;
    await this.receiver.close();
  }
}

const hasEnded = ({ last }: Followed): boolean => (finalStates as readonly (string | null)[]).includes(last);

/** Versions only grow, also over a connection that broke, and the last one is the end. */
function wrongInStream({ id, versions, last }: Followed, end: Ended | undefined): string[] {
  const isRising = versions.every((version, i) => version >= (versions[i - 1] ?? 0));
  const isWhole = isRising && end !== undefined && last === end.state && versions.at(-1) === Number(end.version);
  return isWhole ? [] : [`${id}: ${versions.join(" ")} ${last}, but it is ${JSON.stringify(end)}`];
}
