import { EventEmitter } from "node:events";
import type { ServerResponse } from "node:http";
import { Admissions } from "../../../services/api/http/admissions.ts";
import type { ApiRequest } from "../../../services/api/http/head.ts";

const answer = () => new EventEmitter() as ServerResponse;

test("while the database is slow, checks of all credentials do not pile up", async () => {
  const gate = Promise.withResolvers<null>();
  const looks: string[] = [];
  const admissions = new Admissions();
  for (const owner of ["client 1", "client 2"]) {
    const look = () => {
      looks.push(owner);
      return gate.promise;
    };
    admissions.enter(owner, { key: owner, look }, {} as ApiRequest, answer());
  }
  const rounds = [admissions.recheckAll(), admissions.recheckAll()];
  expect(looks).toEqual(["client 1"]);
  gate.resolve(null);
  await Promise.all(rounds);
  expect(looks).toEqual(["client 1", "client 2"]);
  await admissions.recheckAll();
  expect(looks).toHaveLength(4);
});

test("the end of a session ends its requests, and no others", () => {
  const admissions = new Admissions();
  const look = async () => null;
  const requests = ["a", "b", undefined].map((session) => {
    const req = {} as ApiRequest;
    admissions.enter("client 1", { key: "", look, session }, req, answer());
    return req;
  });
  admissions.endSession("a");
  expect(requests.map(({ revoked }) => revoked?.aborted)).toEqual([true, false, false]);
  expect(requests[0]?.revoked?.reason).toMatchObject({ type: "unauthenticated" });
});
