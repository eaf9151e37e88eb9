import { containers } from "./global-setup.ts";

export default async function stopContainers(): Promise<void> {
  await Promise.all(containers.splice(0).map((container) => container.stop()));
}
