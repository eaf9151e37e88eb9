import { LeaseKeeper } from "../../../services/batchProcessor/batchProcessor.leases.ts";
import { deferred } from "../contracts/kit.ts";

describe("leases", () => {
  const LEASE = 30_000;
  let lost: string[];
  let answers: (() => Promise<{ id: number; fence: number }[]>)[];
  let keeper: LeaseKeeper;
  const held = (id: number, fence = 1) => ({ id, fence, lose: (why: string) => void lost.push(`${id}: ${why}`) });
  const away = () => Promise.reject(new Error("away"));

  beforeEach(() => {
    jest.useFakeTimers();
    [lost, answers] = [[], []];
    keeper = new LeaseKeeper(LEASE, () => (answers.shift() ?? away)());
  });
  afterEach(() => jest.useRealTimers());

  test("no call is made while no batch is held", async () => {
    answers.push(async () => []);
    await keeper.renew();
    keeper.hold(held(1));
    keeper.drop(1);
    await keeper.renew();
    expect(answers).toHaveLength(1);
  });

  test("a batch that is missing in the answer, or has another fence there, is lost", async () => {
    for (const id of [1, 2, 3]) keeper.hold(held(id));
    answers.push(async () => [
      { id: 1, fence: 1 },
      { id: 2, fence: 2 },
      { id: 9, fence: 1 },
    ]);
    await keeper.renew();
    expect(lost).toEqual(["2: its fence was raised", "3: its fence was raised"]);
  });

  test("without an answer for a whole lease all batches are lost, and not before", async () => {
    keeper.hold(held(1));
    jest.advanceTimersByTime(LEASE);
    await keeper.renew();
    expect(lost).toEqual([]);
    jest.advanceTimersByTime(1);
    await keeper.renew();
    expect(lost).toEqual(["1: its lease could not be renewed"]);
  });

  test("a hanging call counts as no answer", async () => {
    keeper.hold(held(1));
    answers.push(() => new Promise(() => {}));
    jest.advanceTimersByTime(LEASE);
    const renewing = keeper.renew();
    jest.advanceTimersByTime(LEASE / 3 + 1);
    await renewing;
    expect(lost).toEqual(["1: its lease could not be renewed"]);
  });

  test("an answer and a commit each begin the lease anew", async () => {
    keeper.hold(held(1));
    keeper.hold(held(2));
    jest.advanceTimersByTime(20_000);
    answers.push(async () => [
      { id: 1, fence: 1 },
      { id: 2, fence: 1 },
    ]);
    await keeper.renew();
    jest.advanceTimersByTime(20_000);
    keeper.renewed(2);
    keeper.renewed(7);
    jest.advanceTimersByTime(20_000);
    await keeper.renew();
    expect(lost).toEqual(["1: its lease could not be renewed"]);
  });

  test("a lease counts from its request, not from the answer", async () => {
    keeper.hold(held(1));
    const answer = deferred<{ id: number; fence: number }[]>();
    answers.push(() => answer.promise);
    const renewing = keeper.renew();
    jest.advanceTimersByTime(20_000);
    answer.resolve([{ id: 1, fence: 1 }]);
    await renewing;
    jest.advanceTimersByTime(10_001);
    await keeper.renew();
    expect(lost).toEqual(["1: its lease could not be renewed"]);
  });

  test("an answer does not shorten a lease that a commit has extended meanwhile", async () => {
    keeper.hold(held(1));
    const answer = deferred<{ id: number; fence: number }[]>();
    answers.push(() => answer.promise);
    const renewing = keeper.renew();
    jest.advanceTimersByTime(9_000);
    keeper.renewed(1);
    answer.resolve([{ id: 1, fence: 1 }]);
    await renewing;
    jest.advanceTimersByTime(29_000);
    await keeper.renew();
    expect(lost).toEqual([]);
  });

  test("a batch that was claimed during the call is not judged by its answer", async () => {
    keeper.hold(held(1));
    const answer = deferred<{ id: number; fence: number }[]>();
    answers.push(() => answer.promise);
    const renewing = keeper.renew();
    keeper.hold(held(2));
    keeper.drop(1);
    keeper.hold(held(1, 3));
    answer.resolve([]);
    await renewing;
    expect(lost).toEqual([]);
  });
});
