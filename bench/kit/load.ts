/**
 * The load generator: connections that each send one request, read its answer, and send the next. It writes prepared bytes
 * to sockets and only looks for the end of an answer, so that it does not limit the result.
 */
import { connect } from "node:net";
import { serveParent } from "./child.ts";

/** A placeholder in a head or body. Each request puts another number in its place. */
export const MARK = "##########";

export interface Load {
  port: number;
  connections: number;
  /** How long to send, and the most requests. */
  ms: number;
  count?: number;
  /** Requests per second, evenly spaced. Left out: as many as possible. */
  pace?: number;
  /** The head without its `content-length`, and the body. Connections take several heads in turns. */
  head: string | string[];
  body: string;
}

export interface Loaded {
  /** Answers per second while the load ran. */
  perSecond: number;
  /** When the first request left and the last counted answer came, on the wall clock. */
  from: number;
  to: number;
  latencies: number[];
}

const EXPECTED = "HTTP/1.1 202 ";

async function load({ port, connections, ms, count = Infinity, pace = Infinity, head, body }: Load): Promise<Loaded> {
  const bytes = [head]
    .flat()
    .map((one) => Buffer.from(`${one}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`));
  const from = Date.now();
  const beganAt = performance.now();
  let begun = 0;
  /** When the next request may be sent; null: no more requests. */
  const turn = () => (begun < count ? beganAt + (begun++ * 1000) / pace : null);
  const each = await Promise.all(
    Array.from({ length: connections }, (_, i) =>
      connection(port, Buffer.from(bytes[i % bytes.length] as Buffer), beganAt + ms, turn),
    ),
  );
  const latencies = each.flat();
  return { perSecond: (latencies.length / ms) * 1000, from, to: from + ms, latencies };
}

let sent = 0;

/** The positions of the marks. */
function marksIn(bytes: Buffer): number[] {
  const marks: number[] = [];
  for (let at = bytes.indexOf(MARK); at !== -1; at = bytes.indexOf(MARK, at + MARK.length)) marks.push(at);
  return marks;
}

function connection(port: number, bytes: Buffer, until: number, turn: () => number | null): Promise<number[]> {
  return new Promise((resolve, reject) => {
    const latencies: number[] = [];
    const marks = marksIn(bytes);
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    let began = 0;
    let answer = "";
    const end = () => {
      socket.end();
      resolve(latencies);
    };
    const next = () => {
      const at = turn();
      if (at === null || at >= until) return end();
      const waitMs = at - performance.now();
      if (waitMs > 1) setTimeout(send, waitMs);
      else send();
    };
    const send = () => {
      began = performance.now();
      answer = "";
      const number = String(++sent).padStart(MARK.length, "0");
      for (const mark of marks) bytes.write(number, mark);
      socket.write(bytes);
    };
    socket.on("connect", next).on("error", reject);
    socket.on("data", (piece) => {
      answer += piece.toString("latin1");
      if (!isWhole(answer)) return;
      if (!answer.startsWith(EXPECTED)) return socket.destroy(new Error(answer));
      const now = performance.now();
      if (now <= until) latencies.push(now - began);
      if (now < until) next();
      else end();
    });
  });
}

function isWhole(answer: string): boolean {
  const end = answer.indexOf("\r\n\r\n");
  if (end === -1) return false;
  const length = /\r\ncontent-length: (\d+)/i.exec(answer);
  return length ? answer.length >= end + 4 + Number(length[1]) : answer.endsWith("\r\n0\r\n\r\n");
}

serveParent(load, () => {});
