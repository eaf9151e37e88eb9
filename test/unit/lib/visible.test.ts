import { ServiceBroker } from "moleculer";
import { Fields, withFields } from "../../../lib/log/fields.ts";
import { SafeLogger } from "../../../lib/log/logger.ts";
import { visible } from "../../../lib/log/visible.cjs";

const letter = (code: number) => String.fromCodePoint(code);

test.each([
  ["an escape sequence", "\x1b[2J", "\\u001b[2J"],
  ["one of a single byte", letter(0x9b), "\\u009b"],
  ["line breaks and a bell", "a\r\nb\x07", "a\\u000d\\u000ab\\u0007"],
  ["other line breaks", letter(0x2028) + letter(0x85), "\\u2028\\u0085"],
  ["a turn of direction", `${letter(0x202e)}txt.exe`, "\\u202etxt.exe"],
  ["an isolate", letter(0x2066), "\\u2066"],
  ["letters without room", `a${letter(0x200b)}${letter(0xfeff)}${letter(0xad)}b`, "a\\u200b\\ufeff\\u00adb"],
  ["letters that are blank", letter(0x3164) + letter(0x2800), "\\u3164\\u2800"],
  ["a tag beyond the first plane", letter(0xe0041), "\\udb40\\udc41"],
  ["half a letter", "\ud83d", "\\ud83d"],
])("%s is shown by its code point", (_name, text, shown) => {
  expect(visible(text)).toBe(shown);
  expect(JSON.parse(visible(JSON.stringify(text)))).toBe(text);
});

test("visible text is unchanged", () => {
  const text = 'Zoë "Ω" 値段 السعر ₹ 🙂 \\ a-b';
  expect(visible(text)).toBe(text);
});

/** The line that a node's logger writes for these values. */
function logged(format: "pretty" | "json", ...values: unknown[]): string {
  const written: unknown[][] = [];
  for (const name of ["error", "warn", "log"] as const)
    jest.spyOn(console, name).mockImplementation((...line) => void written.push(line));
  try {
    const broker = new ServiceBroker({ logger: new SafeLogger({ format, level: "error" }), nodeID: "a-node" });
    broker.getLogger("test").error(...values);
    return written.map((line) => line.join(" ")).join("\n");
  } finally {
    jest.restoreAllMocks();
  }
}

const EVIL = `a\x1b[2J${letter(0x9b)}2J${letter(0x202e)}\n[00:00:00.000Z] INFO  API: forged`;

describe.each(["pretty", "json"] as const)("a line of the log (%s)", (format) => {
  const unseen = new RegExp(`[${letter(0x9b)}${letter(0x202e)}]|${letter(27)}\\[2J`);

  test("shows invisible characters", () => {
    const line = logged(format, "The client said:", EVIL);
    expect(line).not.toMatch(unseen);
    expect(line.split("\n")).toHaveLength(1);
    expect(line).toContain("\\u009b2J\\u202e");
  });

  test("shows them in errors and objects too, whose lines cannot look like log lines", () => {
    const line = logged(format, "It failed:", new Error(EVIL), { text: EVIL });
    expect(line).not.toMatch(unseen);
    expect(line).toContain("\\u202e");
    expect(line).not.toMatch(/^\[00:00/m);
    expect(line).toContain("visible.test.ts");
  });
});

test.each([
  ["json", /"msg":"It failed: Error: no\\n .*"batchId":"a b\\u009b","chunk":3,/],
  ["pretty", /: It failed: batchId="a b\\u009b" chunk=3 Error: no\n/],
] as const)("named values of a child logger stand behind the text (%s)", (format, shown) => {
  const line = logged(
    format,
    "It failed:",
    new Error("no"),
    new Fields({ batchId: `a b${letter(0x9b)}` }),
    new Fields({ chunk: 3 }),
  );
  expect(line).toMatch(shown);
});

test("a child logger adds its values to each line, and has the levels of its parent", () => {
  const warn = jest.fn();
  const child = withFields({ warn }, { batchId: "b" });
  child.warn("It failed:", 1);
  expect(warn.mock.calls).toEqual([["It failed:", 1, new Fields({ batchId: "b" })]]);
  expect(Object.keys(child)).toEqual(["warn"]);
});

test("a line of JSON is the same document", () => {
  expect(JSON.parse(logged("json", EVIL))).toMatchObject({ msg: EVIL, level: "error", nodeID: "a-node" });
});
