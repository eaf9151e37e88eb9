# DataFlow in one image: every role starts from it, SERVICES chooses. Built in two steps, so that npm, its cache and what
# only the build needs stay behind.
FROM node:24.21.0-bookworm-slim AS build
WORKDIR /app
ENV NODE_ENV=production
COPY package.json package-lock.json ./
# The optional packages are Node itself, for machines without one. No package of ours needs what it would run at its
# installation.
RUN npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund
# Source maps and types are for debuggers and compilers: 63 of 147 MB. 2 MB more are test data that a package brings.
RUN find node_modules -type f '(' -name '*.map' -o -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' ')' -delete && \
    rm -r node_modules/bintrees/test
COPY root.cjs moleculer.config.ts ./
COPY config ./config
COPY console ./console
COPY docs ./docs
COPY database ./database
COPY formats ./formats
COPY lib ./lib
COPY middlewares ./middlewares
COPY mixins ./mixins
COPY repl ./repl
COPY services ./services
COPY scripts/healthcheck.mjs scripts/migrate.ts scripts/migrate-run.ts ./scripts/
# A first start fills the compile cache, and shows that the image can start. It keeps nothing else. It is stopped once it
# answers, however slow the machine; one that ends by itself, or does not answer within 120 s, ends the build.
# It runs as the user of the image: Node keeps a cache for each, in files that nobody else reads.
RUN mkdir .compile-cache && chown node .compile-cache
USER node
ENV NODE_COMPILE_CACHE=/app/.compile-cache SERVICEDIR=services
RUN export DATABASE_URL=sqlite:/tmp/first/start.db; \
    timeout --preserve-status --signal=KILL 120 \
      node --max-semi-space-size=8 --heap-growing-percent=100 node_modules/moleculer/bin/moleculer-runner.mjs --config moleculer.config.ts --mask "**/*.service.ts" \
      > /dev/null & node=$!; \
    while kill -0 $node && ! node scripts/healthcheck.mjs; do sleep 1; done; \
    kill $node; wait $node && rm -rf /tmp/first
USER root
RUN chmod -R a+rX .compile-cache && mkdir -p data handlers

FROM node:24.21.0-bookworm-slim
WORKDIR /app
ENV NODE_ENV=production NODE_COMPILE_CACHE=/app/.compile-cache SERVICEDIR=services HOST=0.0.0.0
# As `npm start` does: memory stays flat under load.
ENV MALLOC_ARENA_MAX=2 MALLOC_MMAP_THRESHOLD_=4194304 MALLOC_TRIM_THRESHOLD_=16777216
COPY --from=build --chown=root:root /app ./
# Only the embedded default writes here; everything else of the image may be read-only.
RUN chown node:node data && chmod 700 data
USER node
EXPOSE 3000 3030
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 CMD ["node", "scripts/healthcheck.mjs"]
# Node itself, for npm and a shell would keep SIGTERM to themselves.
CMD ["node", "--max-semi-space-size=8", "--heap-growing-percent=100", "node_modules/moleculer/bin/moleculer-runner.mjs", "--config", "moleculer.config.ts", "--mask", "**/*.service.ts"]
