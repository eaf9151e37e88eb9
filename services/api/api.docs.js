// Runs in the browser, in the page of `GET /docs`. Nothing is asked of another host: no validator, no fonts.
globalThis.SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#api",
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  validatorUrl: null,
});
