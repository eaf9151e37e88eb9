import { type BrokerOptions, ServiceBroker } from "moleculer";
import { isProblem, Problem, type ProblemCode, problems, rethrowUnder } from "../../../lib/errors.ts";
import { patience } from "../../helpers/patience.ts";

/** The codes that partners are promised: code, status, and whether the same request may succeed later. */
const promised: Record<string, [status: number, retryable: boolean]> = {
  unauthenticated: [401, false],
  "client-disabled": [403, false],
  forbidden: [403, false],
  "cross-site": [403, false],
  "too-many-failed-logins": [429, true],
  "not-found": [404, false],
  gone: [410, false],
  "method-not-allowed": [405, false],
  validation: [422, false],
  "malformed-body": [400, false],
  "wrong-columns": [400, false],
  "empty-body": [400, false],
  "invalid-header": [400, false],
  "digest-mismatch": [400, false],
  "payload-too-large": [413, false],
  "too-many-records": [413, false],
  "unsupported-media-type": [415, false],
  "unsupported-encoding": [415, false],
  "unsupported-transfer-coding": [501, false],
  "duplicate-batch": [409, false],
  "idempotency-in-progress": [409, true],
  "idempotency-key-reused": [422, false],
  "upload-timeout": [408, true],
  "too-many-uploads": [429, true],
  "too-many-streams": [429, true],
  "illegal-state": [409, false],
  "not-undoable": [409, false],
  "legal-hold": [409, false],
  "no-webhook": [409, false],
  "alerts-off": [409, false],
  conflict: [409, false],
  "precondition-failed": [412, false],
  "quota-exceeded": [429, true],
  unavailable: [503, true],
  internal: [500, false],
};
test("the table has every promised code, and no other", () => {
  expect(Object.keys(problems)).toEqual(Object.keys(promised));
});

test.each(Object.keys(problems) as ProblemCode[])("%s has its promised status", (code) => {
  const { status, retryable } = problems[code];
  expect([status, retryable]).toEqual(promised[code]);
  expect(new Problem(code, "why")).toMatchObject({ message: "why", code: status, type: code, retryable, data: {} });
});

test("no two problems have the same title", () => {
  const titles = Object.values(problems).map(({ title }) => title);
  expect(new Set(titles).size).toBe(titles.length);
});

test.each([
  [new Problem("conflict", ""), true],
  [{ type: "conflict" }, true],
  [new Error("conflict"), false],
  [{ type: "toString" }, false],
  [{ type: 409 }, false],
  [null, false],
  [undefined, false],
])("whether %p is a problem", (error, is) => {
  expect(isProblem(error)).toBe(is);
  expect(isProblem(error, "conflict")).toBe(is);
  expect(isProblem(error, "not-found")).toBe(false);
});

test("the faults of a part have pointers into the whole", () => {
  const errors = [
    { pointer: "", detail: "a" },
    { pointer: "/rate", detail: "b" },
  ];
  const rethrow = rethrowUnder("/policy");
  const thrown = caught(() => rethrow(new Problem("validation", "why", { errors })));
  expect(thrown).toMatchObject({ type: "validation", message: "why" });
  expect((thrown as Problem).data).toEqual({
    errors: [
      { pointer: "/policy", detail: "a" },
      { pointer: "/policy/rate", detail: "b" },
    ],
  });
  const other = new Problem("conflict", "");
  expect(caught(() => rethrow(other))).toBe(other);
});

test("a problem comes over the transporter with its code, type and members", async () => {
  const options: BrokerOptions = {
    logger: false,
    transporter: "Fake",
    namespace: "errors",
    skipProcessEventRegistration: true,
  };
  const there = new ServiceBroker({ ...options, nodeID: "there" });
  there.createService({
    name: "far",
    actions: {
      refuse() {
        throw new Problem("illegal-state", "It is held.", { current: "held" });
      },
    },
  });
  const here = new ServiceBroker({ ...options, nodeID: "here" });
  await Promise.all([there.start(), here.start()]);
  await here.waitForServices("far", patience(20_000), 5);
  const error: unknown = await here.call("far.refuse").catch((thrown: unknown) => thrown);
  await Promise.all([there.stop(), here.stop()]);
  expect(isProblem(error, "illegal-state")).toBe(true);
  expect(error).toMatchObject({ code: 409, message: "It is held.", retryable: false, data: { current: "held" } });
});

function caught(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  return null;
}
