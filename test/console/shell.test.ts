/** The promise: people log in, see only what their role may see, and the page says how old its data is. */
import { startConsole } from "./kit.ts";

const world = startConsole();

test("login of an operator", async () => {
  const visit = await world.visit({ path: "/" });
  await visit.shoot("login");
  await visit.clean();
});

test("overview", async () => {
  const visit = await world.visit({ role: "admin", path: "#/" });
  await visit.shoot("overview");
  await visit.clean();
});

test("home", async () => {
  const visit = await world.visit({ role: "partner", path: "#/" });
  await visit.shoot("home");
  await visit.clean();
});
