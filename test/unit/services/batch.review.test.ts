/** The promise: a batch goes on without an operator only if none of its counts exceeds its limit. */
import { needsOperator } from "../../../services/batch/batch.review.ts";

const none = { rejectedOver: null, rejectedPercentOver: null, recordsOver: null, deletedOver: null };
const counts = { received: 200, accepted: 190, rejected: 10, duplicate: 0, deleted: 3 };

test.each([
  ["rejectedOver", 10],
  ["rejectedPercentOver", 5],
  ["recordsOver", 200],
  ["deletedOver", 3],
])("%s: as many as that are not too many", (name, limit) => {
  expect(needsOperator({ ...none, [name]: limit }, counts)).toBe(false);
  expect(needsOperator({ ...none, [name]: limit - 1 }, counts)).toBe(true);
});

test("without limits all wait; where each limit is null none does; without a table none deletes", () => {
  expect(needsOperator(null, counts)).toBe(true);
  expect(needsOperator(none, counts)).toBe(false);
  const { deleted: _, ...stored } = counts;
  expect(needsOperator({ ...none, deletedOver: 0 }, stored)).toBe(false);
});
