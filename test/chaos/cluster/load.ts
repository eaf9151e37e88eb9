/** Partners who post imports, one after another, to any api node that answers. They note what they sent and what was answered. */
import type { TestClient } from "../../helpers/http.ts";
import type { CompanyTable } from "../company.ts";
import { bodyOf, headersOf, type Import, randomBy, randomImport } from "../imports.ts";
import type { Sent } from "../stored.ts";
import type { Place } from "./place.ts";

export interface Partner {
  client: TestClient;
  isLarge: boolean;
  isAllOrNothing: boolean;
  table?: CompanyTable;
  /** Called when a batch of the partner was answered with 202. */
  accepted?(id: string): void;
}

/** How long a partner waits for an answer. A frozen database only delays an answer. */
const PATIENCE_MS = 60_000;
const BROKEN_OFF = 0.04;

export class Load {
  /** All uploads that were sent, by key. `answered` has those that were answered with 202, with the id of the batch. */
  readonly sent = new Map<string, Sent>();
  readonly answered = new Map<string, string>();
  /** Uploads that were answered with 503 or that the partner aborted. Nothing of them may be stored. */
  readonly refused = new Set<string>();
  readonly brokenOff = new Set<string>();
  /** Uploads that were answered with 503 and the text that their outcome is unknown. */
  readonly undecided = new Set<string>();
  /** Answers that no fault explains. */
  readonly unexpected: string[] = [];
  private readonly apis: Place[];
  private readonly senders: Promise<void>[];
  private isOver = false;

  constructor(apis: Place[], partners: Partner[], seed: number, pauseMs: number) {
    this.apis = apis;
    this.senders = partners.map((partner, i) => this.send(partner, `p${i}`, randomBy(seed + i), pauseMs));
  }

  /** Stops sending, and waits for the last answers. */
  async end(): Promise<void> {
    this.isOver = true;
    await Promise.all(this.senders);
  }

  private async send(partner: Partner, name: string, random: () => number, pauseMs: number): Promise<void> {
    for (let n = 0; !this.isOver; n++) {
      const { url } = this.apis[Math.floor(random() * this.apis.length)] as Place;
      const one = randomImport(`${name}-${n}`, random, partner.isLarge, partner.table);
      const isBrokenOff = random() < BROKEN_OFF;
      if (url) await this.post(url, partner, one, isBrokenOff);
      await new Promise((resolve) => setTimeout(resolve, random() * pauseMs));
    }
  }

  private async post(url: string, { client, isAllOrNothing, accepted }: Partner, one: Import, isBrokenOff: boolean) {
    const { key } = one;
    this.sent.set(key, { ...one, isAllOrNothing });
    if (isBrokenOff) this.brokenOff.add(key);
    const whole = bodyOf(one);
    const init = {
      method: "POST",
      headers: { authorization: client.auth, ...headersOf(one) },
      signal: AbortSignal.timeout(PATIENCE_MS),
      ...(isBrokenOff ? { body: brokenOff(whole), duplex: "half" } : { body: whole }),
    };
    try {
      const response = await fetch(`${url}/imports`, init as RequestInit);
      this.note(key, response, await response.text());
      const id = this.answered.get(key);
      if (id) accepted?.(id);
    } catch {
      // The node or the link is lost, so the outcome of the upload is unknown.
    }
  }

  private note(key: string, { status, headers }: Response, text: string): void {
    if (status === 202) this.answered.set(key, (JSON.parse(text) as { id: string }).id);
    else if (status === 503 && headers.has("retry-after")) this.noteRefusal(key, JSON.parse(text));
    else this.unexpected.push(`${key}: ${status} ${text}`);
  }

  private noteRefusal(key: string, { outcome }: { outcome?: string }): void {
    (outcome === "unknown" ? this.undecided : this.refused).add(key);
  }
}

/** A body whose sender aborts before its end. */
function brokenOff(body: Uint8Array): ReadableStream<Uint8Array> {
  let isHalfSent = false;
  return new ReadableStream({
    async pull(controller) {
      if (isHalfSent) return controller.error(new Error("The sender hangs up."));
      isHalfSent = true;
      controller.enqueue(body.subarray(0, body.length / 2));
      await new Promise((resolve) => setTimeout(resolve, 20));
    },
  });
}
