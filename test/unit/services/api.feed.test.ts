/** What a slow reader of an event stream gets, and how many queries readers cost. */
import { EventEmitter } from "node:events";
import type { ServerResponse } from "node:http";
import { DeliveryNews, NEWEST_DELIVERIES } from "../../../services/api/http/feed.deliveries.ts";
import { FeedStream } from "../../../services/api/http/feed.stream.ts";
import { Feed, type FeedSource, type Listener } from "../../../services/api/http/feed.ts";
import type { DeliveryRow } from "../../../services/webhook/webhook.domain.ts";
import { until } from "../../helpers/patience.ts";

/** An answer whose socket is full after `room` writes until it is drained. */
class Answer extends EventEmitter {
  destroyed = false;
  writableEnded = false;
  writableNeedDrain = false;
  shouldKeepAlive = true;
  written: string[] = [];
  room: number;
  constructor(room: number) {
    super();
    this.room = room;
  }
  setTimeout() {}
  writeHead() {}
  write(text: string) {
    this.written.push(text);
    this.writableNeedDrain = this.written.length >= this.room;
  }
  end() {
    this.writableEnded = true;
    this.emit("close");
  }
  drain(room: number) {
    this.room += room;
    this.writableNeedDrain = false;
    this.emit("drain");
  }
}

function begun(room: number) {
  const answer = new Answer(room);
  const stream = new FeedStream(answer as unknown as ServerResponse);
  // The stream begins with an id, so that a browser sends `Last-Event-ID` when it reconnects.
  expect(answer.written.splice(0)).toEqual([":\nid: 0\n\n"]);
  answer.writableNeedDrain = false;
  const tell = (key: string, data: unknown) => stream.tell({ event: "batch", key, data: JSON.stringify(data) });
  const events = () => answer.written.map((text) => JSON.parse(/^data: (.*)$/m.exec(text)?.[1] ?? "null"));
  return { answer, stream, tell, events };
}

test("of each thing only its latest state waits for a slow reader, in the order of the last changes", async () => {
  const { answer, stream, tell, events } = begun(1);
  tell("first", 0);
  for (let n = 1; n <= 1_000; n++) tell("a", n);
  tell("b", "b");
  tell("a", "last");
  expect(events()).toEqual([0]);
  answer.drain(10);
  expect(events()).toEqual([0, "b", "last"]);
  expect(answer.written.map((text) => /^id: (\d+)$/m.exec(text)?.[1])).toEqual(["1", "2", "3"]);
  stream.end();
  await stream.closed;
});

test("a reader for whom too much waits is told that it has missed something, and no more than 500 wait", async () => {
  const { answer, stream, tell, events } = begun(1);
  for (let n = 0; n <= 2_000; n++) tell(`batch ${n}`, n);
  answer.drain(10_000);
  expect(events().length).toBeLessThanOrEqual(502);
  expect(events()).toContainEqual({ at: expect.any(String), kind: "missed" });
  expect(events()).toContain(2_000);
  expect(events()).not.toContain(1);
  stream.end();
  await stream.closed;
});

test("nothing is written to a reader that has gone", async () => {
  const { answer, stream, tell } = begun(10);
  answer.destroyed = true;
  tell("a", 1);
  expect(answer.written).toEqual([]);
  answer.emit("close");
  await stream.closed;
});

test("where more deliveries change than a list has, readers are told to read again", () => {
  const news = new DeliveryNews();
  const rows = (from: number, state = "pending") =>
    Array.from({ length: NEWEST_DELIVERIES }, (_, i) => ({
      publicId: `${from + i}`,
      state,
      dueAt: null,
      attempts: [],
    }));
  const look = (of: ReturnType<typeof rows>, failed24h: number) => {
    news.notice({ due: 0, oldestDueAgeMs: null, failed24h });
    return { changed: news.changed(of as unknown as DeliveryRow[]).length, isMissing: news.isMissing };
  };
  expect(look(rows(0), 0)).toEqual({ changed: 0, isMissing: false });
  expect(look(rows(0), 0)).toEqual({ changed: 0, isMissing: false });
  // A delivery that is not among the newest has failed.
  expect(look(rows(0), 1)).toEqual({ changed: 0, isMissing: true });
  expect(look(rows(10), 1)).toEqual({ changed: 10, isMissing: false });
  expect(look(rows(100), 1)).toEqual({ changed: NEWEST_DELIVERIES, isMissing: true });
});

describe("what readers cost", () => {
  const asked = { stats: 0, changed: 0, live: 0, deliveries: 0 };
  let deliveries = { due: 0, oldestDueAgeMs: null as number | null, failed24h: 0 };
  let batches: Record<string, number> = { held: 1, completed: 9 };
  const counted = <T>(what: keyof typeof asked, answer: () => T) => {
    asked[what]++;
    return Promise.resolve(answer());
  };
  const source = {
    stats: () => counted("stats", () => ({ readiness: { checks: {} }, nodes: [], deliveries, batches })),
    changed: () => counted("changed", () => []),
    // The batch waits for an approval, so it is not final and has to be looked at again.
    live: () => counted("live", () => [{ publicId: "held", version: 1 }]),
    deliveries: () => counted("deliveries", () => []),
  } as unknown as FeedSource;
  const feed = new Feed(source, 1);
  const listener = (topics: Partial<Listener["topics"]> = {}): Listener => ({
    topics: { stats: true, batches: true, deliveries: true, ids: new Set(), ...topics },
    clientId: null,
    tell: () => undefined,
    end: () => undefined,
  });
  /** The queries of this many looks. */
  async function looks(n: number) {
    const from = { ...asked };
    await until(() => asked.stats >= from.stats + n, "looks");
    return Object.fromEntries(Object.entries(asked).map(([what, count]) => [what, count - from[what as "stats"]]));
  }
  const leaves: (() => void)[] = [];
  afterAll(() => feed.end());

  test("while nothing happens: the figures, and now and then the deliveries, however many readers there are", async () => {
    for (let i = 0; i < 20; i++) leaves.push(feed.join(listener()));
    await looks(3);
    const found = await looks(40);
    expect(found.live).toBe(0);
    for (const what of ["changed", "deliveries"] as const) {
      expect(found[what]).toBeGreaterThanOrEqual(3);
      expect(found[what]).toBeLessThanOrEqual((found.stats as number) / 10 + 1);
    }
  });

  test("batches are looked at each time while some run, and once when a state has more or fewer of them", async () => {
    batches = { ...batches, processing: 1 };
    await looks(2);
    const running = await looks(20);
    expect(running.changed).toBeGreaterThanOrEqual(18);
    batches = { held: 2, completed: 9 };
    await looks(5);
    expect((await looks(20)).changed).toBeLessThanOrEqual(3);
  });

  test("deliveries are listed when one is due, one has failed, or a batch has changed", async () => {
    deliveries = { ...deliveries, due: 1 };
    const due = await looks(20);
    expect(due.deliveries).toBeGreaterThanOrEqual(18);
    deliveries = { ...deliveries, due: 0 };
    await looks(5);
    const before = asked.deliveries;
    feed.news({ batchId: "b", version: 1, hasEnded: true });
    await until(() => asked.deliveries > before && asked.changed > 0, "a list");
  });

  test("a page of deliveries alone lists them at each third look: a list is two queries", async () => {
    const own = { changed: 0, deliveries: 0 };
    const asks = (what: keyof typeof own) => async () => {
      own[what]++;
      return [];
    };
    const blind = new Feed({ ...source, changed: asks("changed"), deliveries: asks("deliveries") }, 1);
    const leave = [blind.join(listener({ stats: false })), blind.join(listener({ stats: false }))];
    await until(() => own.changed >= 30, "looks");
    for (const end of leave) end();
    expect(own.deliveries).toBeLessThanOrEqual(own.changed / 3 + 1);
  });

  test("nobody looks when all have left", async () => {
    for (const leave of leaves) leave();
    const { stats } = asked;
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(asked.stats).toBeLessThanOrEqual(stats + 1);
  });
});
