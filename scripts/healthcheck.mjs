// For a container's HEALTHCHECK: exits with 0 as long as this node's process answers. An api node answers on PORT, other nodes on
// METRICS_PORT. The defaults are those of config/settings.ts.
const { PORT, METRICS_PORT, SERVICES } = process.env;
const hasApi = !SERVICES || SERVICES.split(",").some((name) => name.trim() === "api");
const port = hasApi ? PORT || "3000" : METRICS_PORT || "3030";

try {
  const response = await fetch(`http://127.0.0.1:${port}/health/live`, { signal: AbortSignal.timeout(2_000) });
  process.exitCode = response.ok ? 0 : 1;
} catch (error) {
  console.error(`/health/live on port ${port}: ${error.cause?.message ?? error.message}`);
  process.exitCode = 1;
}
