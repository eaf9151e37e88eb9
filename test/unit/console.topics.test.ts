/** A list of the console is read again because of its own events alone: figures come each second. */
import { isAbout } from "../../console/api/topics.js";

test.each([
  ["stats", ["stats"]],
  ["notice", ["stats"]],
  ["batch", ["batches", "batch:b1"]],
  ["delivery", ["deliveries"]],
])("an event %s is about the topics %j", (name, topics) => {
  const all = ["stats", "batches", "batch:b1", "batch:b2", "deliveries"];
  expect(all.filter((topic) => isAbout([topic], name, { id: "b1" }))).toEqual(topics);
});
