/**
 * What partners and operators do with an import after its upload: check it first, send rejected rows again, take it back. A story
 * is a list of such steps. Each step can be repeated after a kill, so an interrupted story goes on, and the right content of the
 * database is known for each record.
 */
import { setTimeout as pause } from "node:timers/promises";
import { admin, type Batch, get, type TestClient } from "../helpers/http.ts";

/** The kinds of stories. In `both` the rejected rows come twice at once: as a correction and by a retry. */
export const ways = ["plain", "corrected", "both", "uncorrected", "corrected anew", "undone"] as const;
export type Way = (typeof ways)[number];

export interface Story {
  key: string;
  client: TestClient;
  way: Way;
  /** Whether the upload only checks, so that a commit has to deliver it. */
  isChecked: boolean;
  format: "ndjson" | "csv";
  records: number;
  /** One record of this many is wrong. */
  wrongEvery: number;
  /** The ids of batches from answers, by the step that made the batch. */
  batches: Record<string, string>;
  /** The corrected file of rejected rows, as it was first fetched. */
  mended: { text: string; type: string } | null;
  /** How many steps are done. */
  done: number;
}

export const schema = {
  required: ["id", "amount"],
  properties: { id: { type: "string" }, amount: { type: "integer", minimum: 0 } },
};
const WRONG = "-777";
const RIGHT = "777";

const isWrong = ({ wrongEvery }: Story, i: number) => i % wrongEvery === 0;
const idsOf = (story: Story, which: (i: number) => boolean): string[] =>
  Array.from({ length: story.records }, (_, i) => i + 1)
    .filter(which)
    .map((i) => `${story.key}-${i}`);

export const wrongIn = (story: Story): number => idsOf(story, (i) => isWrong(story, i)).length;

export const sentBy = (story: Story): string[] => idsOf(story, () => true);

/** The ids of records that must be delivered exactly once when the story is over. */
export function deliveredBy(story: Story): string[] {
  const mended = ["corrected", "both", "corrected anew", "undone"].includes(story.way);
  const isFirstGone = story.way === "undone";
  return idsOf(story, (i) => (isWrong(story, i) ? mended : !isFirstGone));
}

/** How many records the first batch must count as corrected. */
export const correctedIn = (story: Story): number =>
  story.way === "plain" || story.way === "uncorrected" ? 0 : wrongIn(story);

function bodyOf(story: Story): string {
  const amounts = Array.from({ length: story.records }, (_, i) => (isWrong(story, i + 1) ? WRONG : `${i}`));
  const rows = amounts.map((amount, i) =>
    story.format === "csv" ? `${story.key}-${i + 1},${amount}` : `{"id":"${story.key}-${i + 1}","amount":${amount}}`,
  );
  return (story.format === "csv" ? ["id,amount", ...rows] : rows).join("\n");
}

/** The process has ended or is ending, so the step has to be repeated. */
class BrokenOff extends Error {}
/** An answer that no kill explains. */
export class Unexpected extends Error {}

const ENDED = ["completed", "completed_with_errors", "failed", "cancelled", "validated", "undone"];

class Teller {
  private readonly url: string;
  private readonly story: Story;

  constructor(url: string, story: Story) {
    this.url = url;
    this.story = story;
  }

  async ask(path: string, init: RequestInit, isOperator = false): Promise<Response> {
    const { auth } = this.story.client;
    const asked = isOperator
      ? admin(this.url, path, init)
      : fetch(`${this.url}${path}`, { ...init, headers: { authorization: auth, ...init.headers } });
    const answer = await asked.catch((error: unknown) => {
      throw new BrokenOff(String(error));
    });
    if (answer.status === 503) throw new BrokenOff("It stops.");
    return answer;
  }

  async answered<T>(answer: Response, ...statuses: number[]): Promise<T> {
    const text = await answer.text().catch((error: unknown) => {
      throw new BrokenOff(String(error));
    });
    if (!statuses.includes(answer.status))
      throw new Unexpected(`${this.story.key} (${this.story.way}): ${answer.url} ${answer.status} ${text}`);
    return JSON.parse(text) as T;
  }

  /** Posts a body. An earlier answer to the same body may be lost; the Idempotency-Key then leads to the same batch. */
  async post(name: string, query: string, body: string, type: string): Promise<void> {
    const headers = { "content-type": type, "idempotency-key": `${this.story.key}/${name}` };
    for (;;) {
      const answer = await this.ask(`/imports?${query}`, { method: "POST", body, headers });
      // A request of a killed process holds its key until its lease is over.
      const told = await this.answered<Batch & { code?: string }>(answer, 200, 202, 409);
      if (answer.status !== 409) {
        this.story.batches[name] = told.id;
        return;
      }
      if (told.code !== "idempotency-in-progress") throw new Unexpected(`${this.story.key}: ${JSON.stringify(told)}`);
      await pause(100);
    }
  }

  async untilEnded(name: string, status?: string): Promise<void> {
    for (;;) {
      const answer = await this.ask(`/imports/${this.story.batches[name]}`, {});
      const batch = await this.answered<Batch>(answer, 200);
      if (status ? batch.status === status : ENDED.includes(batch.status)) return;
      await pause(20);
    }
  }

  async upload(): Promise<void> {
    const { isChecked, format } = this.story;
    const type = format === "csv" ? "text/csv" : "application/x-ndjson";
    await this.post("first", isChecked ? "validateOnly=true" : "", bodyOf(this.story), type);
    await this.untilEnded("first");
  }

  async commit(): Promise<void> {
    if (!this.story.isChecked) return;
    await this.answered(await this.ask(`/imports/${this.story.batches.first}/commit`, { method: "POST" }), 200, 202);
    await this.untilEnded("first", "completed_with_errors");
  }

  async correct(name: string): Promise<void> {
    this.story.mended ??= await this.mended();
    const { text, type } = this.story.mended;
    await this.post(name, `corrects=${this.story.batches.first}`, text, type);
    await this.untilEnded(name);
  }

  private async mended() {
    const answer = await this.ask(`/imports/${this.story.batches.first}/rejected`, {});
    const text = await answer.text().catch((error: unknown) => {
      throw new BrokenOff(String(error));
    });
    if (answer.status !== 200) throw new Unexpected(`${this.story.key}: /rejected ${answer.status} ${text}`);
    return { text: text.replaceAll(WRONG, RIGHT), type: answer.headers.get("content-type") as string };
  }

  private async setLeast(minimum: number): Promise<void> {
    const body = JSON.stringify({ schema: { properties: { amount: { minimum } } } });
    const path = `/clients/${this.story.client.id}/policy`;
    await this.answered(await this.ask(path, { method: "PATCH", body }, true), 200);
  }

  /**
   * Changes the schema so that it accepts the rejected rows, then corrects and retries. A retry whose answer was lost is sent
   * with another key.
   */
  async correctAndRetry(): Promise<void> {
    await this.setLeast(-1_000);
    const retry = async () => {
      const path = `/imports/${this.story.batches.first}/retry?only=rejected`;
      await this.answered(await this.ask(path, { method: "POST" }), 200, 202);
    };
    const both = await Promise.allSettled([this.correct("correction"), retry()]);
    for (const one of both) if (one.status === "rejected") throw one.reason;
    await this.setLeast(0);
  }

  async undo(name: string): Promise<void> {
    const init = { method: "POST", body: JSON.stringify({ reason: "A story." }) };
    await this.answered(await this.ask(`/batches/${this.story.batches[name]}/undo`, init, true), 200, 202);
    await this.untilEnded(name, "undone");
  }
}

function stepsOf(way: Way): ((teller: Teller) => Promise<void>)[] {
  const first = [(teller: Teller) => teller.upload(), (teller: Teller) => teller.commit()];
  const correct = (name: string) => (teller: Teller) => teller.correct(name);
  const undo = (name: string) => (teller: Teller) => teller.undo(name);
  const then: Record<Way, ((teller: Teller) => Promise<void>)[]> = {
    plain: [],
    corrected: [correct("correction")],
    both: [(teller) => teller.correctAndRetry()],
    uncorrected: [correct("correction"), undo("correction")],
    "corrected anew": [correct("correction"), undo("correction"), correct("again")],
    undone: [correct("correction"), undo("first")],
  };
  return [...first, ...then[way]];
}

/** Runs the story until it is over. False if the process has ended. Throws on an answer that no kill explains. */
export async function goOn(url: string, story: Story): Promise<boolean> {
  const teller = new Teller(url, story);
  try {
    for (const step of stepsOf(story.way).slice(story.done)) {
      await step(teller);
      story.done++;
    }
    return true;
  } catch (error) {
    if (error instanceof BrokenOff) return false;
    throw error;
  }
}

export const isOver = (story: Story): boolean => story.done === stepsOf(story.way).length;

/** Reads the batch as its partner. */
export const seenBy = async (url: string, { client, batches }: Story, name: string): Promise<Batch> =>
  (await get(url, client, `/imports/${batches[name]}`)).json() as Promise<Batch>;
