import { dropPostgresDatabases } from "./database.ts";
import { containers } from "./global-setup.ts";
import { lackOf } from "./servers.ts";

export default async function endAll(): Promise<void> {
  if (!lackOf("postgres")) await dropPostgresDatabases();
  await Promise.all(containers.splice(0).map((container) => container.stop()));
}
