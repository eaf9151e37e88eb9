/** The promise: a stop waits for requests, but not for a connection that never carried one. */
import { once } from "node:events";
import type { Server } from "node:http";
import { connect } from "node:net";
import { until } from "../helpers/patience.ts";
import { startSystem } from "../helpers/system.ts";

test("a stop does not wait for a connection that never carried a request", async () => {
  // A long limit, so that a connection that is cut off at the limit would be cut off late.
  const system = await startSystem({ env: { SHUTDOWN_TIMEOUT: "10m" } });
  const { server } = system.broker.getLocalService("api") as unknown as { server: Server };
  const open = () => new Promise<number>((resolve) => server.getConnections((_error, count) => resolve(count)));
  const socket = connect(Number(new URL(system.url).port), "127.0.0.1");
  await once(socket, "connect");
  await until(async () => (await open()) === 1);
  let isStopped = false;
  const stopped = system.stop().then(() => {
    isStopped = true;
  });
  try {
    await until(() => isStopped, "the stop", 5_000);
  } finally {
    socket.destroy();
    await stopped;
  }
});
