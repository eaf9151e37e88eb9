/** Bodies that `POST /imports/{id}/corrections` must refuse. */
import type { BadCase, Request } from "./bad-input.kit.ts";
import {
  csv,
  type Expected,
  emptyBody,
  encoded,
  malformed,
  ndjson,
  wrongField,
  wrongType,
} from "./bad-input.uploads.ts";

const patches = (
  name: string,
  body: Request["body"],
  expected: Expected,
  { type = ndjson, headers = {} }: { type?: string; headers?: Record<string, string> } = {},
): BadCase => ({
  name: `POST corrections: ${name}`,
  as: "free",
  request: { method: "POST", path: "/imports/{done}/corrections", headers: { "content-type": type, ...headers }, body },
  ...expected,
});

const good = '{"record":1,"patch":{"a":1}}\n';

export const corrections: BadCase[] = [
  patches("no byte", "", emptyBody),
  patches("a text", "x\n", malformed({ line: 1 })),
  patches("a second line that breaks off", `${good}{"record":2,"patch":{`, malformed({ line: 2 })),
  patches("bytes that are no text", Buffer.from('{"record":1,"patch":{"a":"\xff"}}', "latin1"), malformed({ line: 1 })),
  patches("null", "null", malformed({ line: 1 })),
  patches("nothing of a patch", `${good}\n{}`, { ...wrongField("/record", "/patch"), has: { line: 3 } }),
  patches("a number below 1", '{"record":0,"patch":{}}', wrongField("/record")),
  patches("a patch that is null", '{"record":1,"patch":null}', wrongField("/patch")),
  patches("a member of ours", '{"record":1,"patch":{"_errors":""},"x":1}', wrongField("/patch/_errors", "/x")),
  patches("CSV", "a\n1\n", { ...wrongType, headers: { accept: /x-ndjson/ } }, { type: csv }),
  patches("gzip that is none", good, malformed({}), encoded("gzip")),
];
