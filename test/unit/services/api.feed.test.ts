/** What a slow reader of an event stream gets, and what many of them cost. */
import { EventEmitter } from "node:events";
import type { ServerResponse } from "node:http";
import { FeedStream } from "../../../services/api/http/feed.stream.ts";

/** An answer whose socket is full after `room` writes, until it is drained. */
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
  flushHeaders() {}
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
