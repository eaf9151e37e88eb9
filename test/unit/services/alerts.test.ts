/**
 * The lines that a chat gets: plain sentences in which no text from outside can be markup or a mention, and how often they come.
 */
import type { Gathered, QueueFault, StoredNote } from "../../../services/alerts/alerts.domain.ts";
import { gathered } from "../../../services/alerts/alerts.gathered.ts";
import { afterTold, queueStep } from "../../../services/alerts/alerts.queue.ts";
import { documentOf, fineLine, lateLine, lineOf, plain, spanOf } from "../../../services/alerts/alerts.text.ts";
import { uuidv7 } from "../../../services/ids.ts";

const named = (id: number) =>
  [null, { identifier: "acme", name: "Acme <Ltd>" }, { identifier: "b-shop", name: "b-shop" }][id] ?? null;
const MINUTE = 60_000;
const NOW = 1_800_000_000_000;

const note = (clientId: number, at = NOW, over: Partial<StoredNote["about"]> = {}): StoredNote => ({
  publicId: uuidv7(),
  at,
  about: { clientId, batchId: "b-1", dataset: "orders", code: "too-many-errors", ...over },
});
const all = (...notes: StoredNote[]) => gathered(null, notes) as Gathered;

describe("lines", () => {
  test("of one thing: what, who, and why", () => {
    expect(lineOf("batch_failed", all(note(1)), named, NOW)).toBe(
      "Batch b-1 of client acme (Acme &lt;Ltd&gt;), dataset orders, failed: too-many-errors.",
    );
    expect(lineOf("batch_held", all(note(2)), named, NOW)).toBe(
      "Batch b-1 of client b-shop, dataset orders, waits for approval.",
    );
    const delivery = { clientId: 3, batchId: "b-1", deliveryId: "d-1", event: "batch.completed" };
    const lost = (more: object) => [{ ...note(3), about: { ...delivery, ...more } }] as const;
    const lineFor = (more: object) => lineOf("delivery_failed", all(...lost(more)), named, NOW);
    expect(lineFor({ status: 500 })).toBe(
      "The webhook delivery d-1 of a client that is not known now was given up: batch.completed of batch b-1, last answer 500.",
    );
    expect(lineFor({ status: null })).toMatch(/, no answer\.$/);
    expect(lineFor({ status: 410 })).toMatch(/, the receiver is gone \(410\) and the webhook is off\.$/);
    expect(lineFor({ status: null, code: "the client is disabled" })).toMatch(/, the client is disabled\.$/);
    expect(lineFor({ times: 7, code: "it was turned off" })).toBe(
      "7 webhook deliveries of a client that is not known now were given up: it was turned off.",
    );
  });

  test("of many: the first, how many more, since when, and whose they are", () => {
    const two = lineOf("batch_held", all(note(1), note(1)), named, NOW + MINUTE);
    expect(two).toMatch(/ … and 1 more batch was held for approval in the last minute\.$/);
    const many = all(...Array.from({ length: 42 }, (_, n) => note(n < 30 ? 2 : 1, NOW - n)));
    expect(lineOf("batch_failed", many, named, NOW + 7 * MINUTE)).toBe(
      "Batch b-1 of client b-shop, dataset orders, failed: too-many-errors. … and 41 more batches failed in the last 7 min (in all: b-shop 30, acme 12).",
    );
    const shares = all(...Array.from({ length: 60 }, (_, n) => note(n)));
    expect([shares.times, shares.clients.length]).toEqual([60, 20]);
    expect(lineOf("batch_failed", shares, named, NOW)).toMatch(/\(in all: unknown 1, acme 1, b-shop 1, others 57\)\.$/);
    const lost = all(note(1, NOW, { times: 5 }), note(1, NOW, { times: 2 }));
    expect(lineOf("delivery_failed", lost, named, NOW)).toMatch(/ … and 2 more webhook deliveries were given up in/);
  });

  test("notes that come later are added to those that were left", () => {
    const left = all(note(1, NOW));
    expect(gathered(left, [])).toEqual(left);
    const more = gathered(left, [note(2, NOW + 5), note(1, NOW + 3)]);
    expect(more).toMatchObject({
      first: left.first,
      from: NOW,
      to: NOW + 5,
      times: 3,
      clients: [
        [1, 2],
        [2, 1],
      ],
    });
    expect(gathered(null, [])).toBeNull();
  });

  test("texts of others are neither markup nor a mention, their letters are seen, and they are cut", () => {
    expect(plain("<!channel> & <https://evil|here>")).toBe("&lt;!channel&gt; &amp; &lt;https:\u200b//evil|here&gt;");
    expect(plain("@everyone")).toBe("@\u200beveryone");
    expect(plain("[a](http://evil) [b][c] a:b [d] (e)")).toBe("[a]\u200b(http:\u200b//evil) [b]\u200b[c] a:b [d] (e)");
    expect(plain("a\nb\u001b[31m\u202e")).toBe("a\\u000ab\\u001b[31m\\u202e");
    expect(plain("x".repeat(500))).toBe(`${"x".repeat(80)}…`);
    const worst = {
      ...note(1),
      about: { clientId: 1, batchId: "<".repeat(999), dataset: "<".repeat(999), code: "<".repeat(999) },
    };
    expect(lineOf("batch_failed", all(worst), named, NOW).length).toBeLessThan(1_500);
  });

  test("the queue's", () => {
    const oldest = { batchId: "b-1", clientId: 2, ageMs: 370_000 };
    expect(lateLine(oldest, 5 * MINUTE, named, false)).toBe(
      "The queue is late: batch b-1 of client b-shop could be claimed for 6 min, and no worker has claimed it. The bound is 5 min.",
    );
    expect(lateLine(oldest, 5 * MINUTE, named, true)).toMatch(/^The queue is still late: /);
    expect(fineLine(65 * MINUTE, 5 * MINUTE)).toBe(
      "The queue is on time again: no batch waits longer than 5 min for a worker. The longest wait was 1 h 5 min.",
    );
    expect([spanOf(400), spanOf(59_400), spanOf(2 * 60 * MINUTE)]).toEqual(["0 s", "59 s", "2 h"]);
  });

  test("the document is what Slack takes, and names the system", () => {
    expect(JSON.parse(documentOf(null, "A."))).toEqual({ text: "DataFlow: A." });
    expect(JSON.parse(documentOf("pro<d", "A."))).toEqual({ text: "DataFlow pro&lt;d: A." });
  });
});

describe("a late queue", () => {
  const rules = { boundMs: 5 * MINUTE, calmMs: MINUTE, remindMs: 60 * MINUTE };
  /** Looks once a minute, and notes each time whether there is something to send. */
  function lookedAt(...minutes: (number | null)[]): (string | null)[] {
    let fault: QueueFault | null = null;
    return minutes.map((age, n) => {
      const now = NOW + n * MINUTE;
      const step = queueStep(fault, age === null ? null : age * MINUTE, now, rules);
      fault = step.news ? afterTold(step.fault, step.news, now) : step.fault;
      return step.news;
    });
  }

  test("is told once, and once more when it was fine for a minute", () => {
    expect(lookedAt(null, 5, 6, 7, 8, null, 1, 2)).toEqual([null, null, "late", null, null, null, "fine", null]);
  });

  test("that is near the bound is no news each minute", () => {
    expect(lookedAt(6, 5, 6, 5, 6, 5, 4)).toEqual(["late", null, null, null, null, null, "fine"]);
  });

  test("is told again each hour", () => {
    const told = lookedAt(...Array.from({ length: 125 }, (_, n) => 6 + n));
    expect(told.flatMap((news, n) => (news ? [[n, news]] : []))).toEqual([
      [0, "late"],
      [60, "still late"],
      [120, "still late"],
    ]);
  });

  test("that nobody could be told of is told of when it is over, with its longest wait", () => {
    const seen = [9, 20, 4, 4].reduce<{ fault: QueueFault | null; news: string | null }>(
      ({ fault }, age, n) => queueStep(fault, age * MINUTE, NOW + n * MINUTE, rules),
      { fault: null, news: null },
    );
    expect(seen).toMatchObject({ news: "fine", fault: { worstMs: 20 * MINUTE, since: NOW, toldAt: null } });
  });
});
