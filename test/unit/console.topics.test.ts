/** The promise: the console knows all topics of the API's events and all actions of its audit. */
import { readFileSync } from "node:fs";
import { isAbout } from "../../console/api/topics.js";
import { sections, auditedActions as words } from "../../console/words.js";
import { auditedActions } from "../../services/audit/audit.domain.ts";

// A list is read again only because of its own events, because events with figures come each second.

test.each([
  ["stats", ["stats"]],
  ["notice", ["stats"]],
  ["batch", ["batches", "batch:b1"]],
  ["delivery", ["deliveries"]],
])("an event %s is about the topics %j", (name, topics) => {
  const all = ["stats", "batches", "batch:b1", "batch:b2", "deliveries"];
  expect(all.filter((topic) => isAbout([topic], name, { id: "b1" }))).toEqual(topics);
});

test("every action of the audit has its words", () => {
  expect(Object.keys(words).toSorted()).toEqual(auditedActions.toSorted());
  expect(Object.values(words).filter((text) => text.trim() === "")).toEqual([]);
});

test("sentences of the overview lead to sections that the runbook has", () => {
  const headings = readFileSync("docs/runbook.md", "utf8").match(/(?<=^## ).*$/gm);
  expect(headings).toEqual(expect.arrayContaining([...sections]));
});
