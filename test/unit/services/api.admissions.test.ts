import { EventEmitter } from "node:events";
import type { ServerResponse } from "node:http";
import { Admissions } from "../../../services/api/http/admissions.ts";
import type { ApiRequest } from "../../../services/api/http/head.ts";

test("while the database is slow, checks of all credentials do not pile up", async () => {
  const gate = Promise.withResolvers<null>();
  const looks: string[] = [];
  const admissions = new Admissions(({ identifier }) => {
    looks.push(identifier);
    return gate.promise;
  });
  for (const clientId of [1, 2]) {
    const credentials = { identifier: `client ${clientId}`, secretHash: "" };
    admissions.enter(clientId, credentials, {} as ApiRequest, new EventEmitter() as ServerResponse);
  }
  const rounds = [admissions.recheckAll(), admissions.recheckAll()];
  expect(looks).toEqual(["client 1"]);
  gate.resolve(null);
  await Promise.all(rounds);
  expect(looks).toEqual(["client 1", "client 2"]);
  await admissions.recheckAll();
  expect(looks).toHaveLength(4);
});
