import { defaultPolicy } from "../../../services/policy/policy.document.ts";
import { evaluatePolicy, windowOpens } from "../../../services/policy/policy.window.ts";

const opens = (hours: string, now: string, timeZone = "Europe/Lisbon") => {
  const [from = "", to = ""] = hours.split("-");
  const at = windowOpens({ from, to, timeZone }, Date.parse(now));
  return at === null ? "open" : new Date(at).toISOString().replace(":00.000Z", "Z");
};

// Lisbon: UTC in winter; on 2024-03-31 at 01:00 to 02:00 (+1); on 2024-10-27 at 02:00 back to 01:00.
test.each([
  ["by day, before", "09:00-17:00", "2024-01-10T08:59:59Z", "2024-01-10T09:00Z"],
  ["by day, at its first minute", "09:00-17:00", "2024-01-10T09:00:00Z", "open"],
  ["by day, at its last second", "09:00-17:00", "2024-01-10T16:59:59Z", "open"],
  ["by day, after", "09:00-17:00", "2024-01-10T17:00:00Z", "2024-01-11T09:00Z"],
  ["over midnight, before", "22:00-06:00", "2024-01-10T12:00:00Z", "2024-01-10T22:00Z"],
  ["over midnight, in the evening", "22:00-06:00", "2024-01-10T23:00:00Z", "open"],
  ["over midnight, in the morning", "22:00-06:00", "2024-01-11T05:59:00Z", "open"],
  ["over midnight, at its end", "22:00-06:00", "2024-01-11T06:00:00Z", "2024-01-11T22:00Z"],
  ["from midnight", "00:00-06:00", "2024-01-10T12:00:00Z", "2024-01-11T00:00Z"],
  ["in summer", "22:00-06:00", "2024-07-10T12:00:00Z", "2024-07-10T21:00Z"],
  ["after the clocks went forward", "09:00-17:00", "2024-03-30T18:00:00Z", "2024-03-31T08:00Z"],
  ["after the clocks went back", "09:00-17:00", "2024-10-26T18:00:00Z", "2024-10-27T09:00Z"],
  ["a start that the clocks jump over", "01:30-05:00", "2024-03-31T00:10:00Z", "2024-03-31T01:00Z"],
  ["a window that the clocks jump over", "01:15-01:45", "2024-03-31T00:10:00Z", "2024-04-01T00:15Z"],
  ["a start that comes twice: the first", "01:30-05:00", "2024-10-26T22:00:00Z", "2024-10-27T00:30Z"],
  ["a start that comes twice: between", "01:15-01:45", "2024-10-27T00:50:00Z", "2024-10-27T01:15Z"],
  ["an end that the clocks jump back behind", "00:30-01:30", "2024-10-27T00:40:00Z", "2024-10-27T01:00Z"],
  ["an end that the clocks jump back behind, later", "00:30-01:30", "2024-10-27T01:30:00Z", "2024-10-28T00:30Z"],
  ["on the last day of a month", "09:00-17:00", "2024-02-29T18:00:00Z", "2024-03-01T09:00Z"],
])("%s", (_name, hours, now, at) => {
  expect(opens(hours, now)).toBe(at);
});

test.each([
  ["Asia/Kolkata", "2024-01-10T00:00:00Z", "2024-01-10T03:30Z"],
  ["Pacific/Kiritimati", "2024-01-10T12:00:00Z", "2024-01-10T19:00Z"],
  ["Pacific/Pago_Pago", "2024-01-10T12:00:00Z", "2024-01-10T20:00Z"],
  ["US/Eastern", "2024-01-10T12:00:00Z", "2024-01-10T14:00Z"],
  ["europe/lisbon", "2024-01-10T08:00:00Z", "2024-01-10T09:00Z"],
  ["+05:30", "2024-01-10T00:00:00Z", "2024-01-10T03:30Z"],
  // 2011-12-30 did not exist in this time zone.
  ["Pacific/Apia", "2011-12-30T00:00:00Z", "2011-12-30T19:00Z"],
])("%s", (timeZone, now, at) => {
  expect(opens("09:00-09:30", now, timeZone)).toBe(at);
});

// Lord Howe: on 2024-04-07 at 02:00 (+11) back to 01:30; on 2024-10-06 at 02:00 (+10:30) to 02:30.
test.each([
  ["at the jump forward", "02:10-05:00", "2024-10-05T15:00:00Z", "2024-10-05T15:30Z"],
  ["behind the jump back", "01:00-01:50", "2024-04-06T14:55:00Z", "2024-04-06T15:00Z"],
])("clocks that are set by half an hour: %s", (_name, hours, now, at) => {
  expect(opens(hours, now, "Australia/Lord_Howe")).toBe(at);
});

test("a time between two milliseconds", () => {
  expect(windowOpens({ from: "09:00", to: "17:00", timeZone: "UTC" }, 0.5)).toBe(9 * 3_600_000);
});

test("every zone that a policy may name has a window", () => {
  for (const timeZone of Intl.supportedValuesOf("timeZone"))
    expect(opens("00:00-23:59", "2024-01-10T12:00:00Z", timeZone)).toBe("open");
});

describe("a stored body", () => {
  const body = { format: "csv" as const, bytes: 1, records: 1, nowMs: Date.parse("2024-01-10T12:00:00Z") };
  const window = { from: "22:00", to: "06:00", timeZone: "UTC" };
  test.each([
    ["is ready", {}, { decision: "ready" }],
    [
      "is ready to be checked before an operator sees it",
      { requiresApproval: "afterValidation" as const },
      { decision: "ready" },
    ],
    ["waits for an operator", { requiresApproval: true }, { decision: "held", hold: "approval", until: null }],
    [
      "waits for its window",
      { window },
      { decision: "held", hold: "window", until: Date.parse("2024-01-10T22:00:00Z") },
    ],
    [
      "waits for an operator first",
      { window, requiresApproval: true },
      { decision: "held", hold: "approval", until: null },
    ],
    ["is ready within its window", { window: { ...window, from: "11:00" } }, { decision: "ready" }],
  ])("%s", (_name, part, decision) => {
    expect(evaluatePolicy({ ...defaultPolicy, ...part }, body)).toEqual(decision);
  });
});
