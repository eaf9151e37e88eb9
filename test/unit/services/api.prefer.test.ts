import { isProblem } from "../../../lib/errors.ts";
import { isKnownTag, preferencesOf, waitOf } from "../../../services/api/http/prefer.ts";
import { coreMs, patience } from "../../helpers/patience.ts";

describe("Prefer", () => {
  test.each<[string, Record<string, string>]>([
    ["wait=5", { wait: "5" }],
    ["  Wait = 5\t", { wait: "5" }],
    ["respond-async, wait=10", { "respond-async": "", wait: "10" }],
    ["respond-async,wait=10,,", { "respond-async": "", wait: "10" }],
    [", , wait=10", { wait: "10" }],
    ['foo; some-parameter="a,b;c=\\"d"; other, wait=1', { foo: "", wait: "1" }],
    ['foo="a, wait=9", wait="12"', { foo: "a, wait=9", wait: "12" }],
    ['foo=""', { foo: "" }],
    ["wait=1, wait=2, WAIT=3", { wait: "1" }],
    ["wait=7;;x=1; ;", { wait: "7" }],
    ['return=minimal; foo="some parameter"; wait=9', { return: "minimal" }],
    ["__proto__=1, constructor", { ["__proto__"]: "1", constructor: "" }],
  ])("%s", (header, expected) => {
    expect([...preferencesOf(header)]).toEqual(Object.entries(expected));
  });

  test.each(["", " ", ",", "=", "a=", "a b", "a=b c", 'a="b', "a;=b", 'a="b"c', "(a)", "a, b=,", "ä", "a;b="])(
    "refuses %p",
    (header) => {
      expect(thrown(() => preferencesOf(header))).toMatchObject({ type: "invalid-header", data: { header: "Prefer" } });
    },
  );

  test.each<[string | undefined, number | null]>([
    [undefined, null],
    ["respond-async", null],
    ["wait=1", 1],
    ["wait=060", 60],
    ["wait=61", 60],
    [`wait=${"9".repeat(400)}`, 60],
    ['wait="5"', 5],
    ["wait=5; wait=0", 5],
  ])("waits by %p for %p s", (header, seconds) => {
    expect(waitOf(header)).toBe(seconds);
  });

  test.each(["wait", 'wait=""', "wait=0", "wait=000", "wait=-1", "wait=abc", "wait=1.5", "wait=1e3", 'wait=" 5"'])(
    "refuses %p",
    (header) => {
      expect(
        isProblem(
          thrown(() => waitOf(header)),
          "invalid-header",
        ),
      ).toBe(true);
    },
  );

  test.each(["; ", ";\t ;", ", ", 'a="\\', 'a;b="\\\\'])("a hostile header of many %p takes no time", (piece) => {
    const header = `wait=5${piece.repeat(16_384 / piece.length)}=`;
    expect(coreMs(() => thrown(() => preferencesOf(header)))).toBeLessThan(patience(200));
  });
});

describe("If-None-Match", () => {
  test.each([
    ['"v7"', true],
    ['W/"v7"', true],
    ['"v6","v7"', true],
    [' "a,b" , W/"v7" ', true],
    ["*", true],
    [" * ", true],
    ['"v70"', false],
    ['"V7"', false],
    ["v7", false],
    ["", false],
    ['"*"', false],
    ['"v7', false],
    ['"v6, v7"', false],
  ])("%p: %p", (header, is) => {
    expect(isKnownTag(header, '"v7"')).toBe(is);
  });
});

function thrown(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  throw new Error("Nothing was thrown.");
}
