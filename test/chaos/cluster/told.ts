/** What partners learn of their batches by webhooks and server-sent events, while nodes and links fail. */
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

/** The events of one batch, over all connections of its reader. */
interface Followed {
  id: string;
  versions: number[];
  last: string | null;
}

/** How long a reader waits before it connects again after its stream broke. Browsers wait longer. */
const COMES_AGAIN_MS = 100;

export class Told {
  /** The partners with a webhook. */
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

  /** The field `webhook` of their policies. */
  get webhook() {
    return { url: this.receiver.url, events: ["batch.created", "batch.ready", "batch.completed"] };
  }

  /** Reads a batch's events until it ends, from any api node that answers. */
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

  /** Reads the events of one connection until it ends or breaks. */
  private async eventsAt(url: string, client: TestClient, { id, versions }: Followed): Promise<SentEvent[]> {
    const seen = versions.at(-1);
    const headers: Record<string, string> = seen === undefined ? {} : { "last-event-id": String(seen) };
    const reader = await readEvents(url, client, `/imports/${id}/events`, headers).catch(() => null);
    await reader?.ended.catch(() => {});
    return reader?.response.ok ? reader.events : [];
  }

  /**
   * Makes all deliveries due, once the cluster is idle, and waits until they are sent. A killed or frozen node may have taken
   * some, and their lease would last longer.
   */
  async untilAllIsSent(until: (isSent: () => Promise<boolean>, what: string) => Promise<unknown>): Promise<void> {
    await this.cluster.select("UPDATE delivery SET due_at = 0 WHERE due_at IS NOT NULL");
    const allSent = "SELECT NOT EXISTS (SELECT 1 FROM delivery WHERE state <> 'delivered')";
    await until(() => this.cluster.isTrue(allSent), "all webhooks to be sent");
    await until(async () => this.followed.every(hasEnded), "the readers to hear of the ends");
  }

  /** Checks that each batch's end was sent by exactly one event of that kind, and that no event came after it. */
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
    // One commit creates a batch and makes it ready. So both events have the same version.
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

/**
 * Answers what is wrong in a stream: its versions must grow, also over a broken connection, and the last event must be the end.
 */
function wrongInStream({ id, versions, last }: Followed, end: Ended | undefined): string[] {
  const isRising = versions.every((version, i) => version >= (versions[i - 1] ?? 0));
  const isWhole = isRising && end !== undefined && last === end.state && versions.at(-1) === Number(end.version);
  return isWhole ? [] : [`${id}: ${versions.join(" ")} ${last}, but it is ${JSON.stringify(end)}`];
}
