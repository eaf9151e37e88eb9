# DataFlow in one image. Every role starts from it; SERVICES chooses the role. The image is built in two steps, so that npm,
# its cache and the packages of the build are not part of it.
FROM node:24.21.0-bookworm-slim AS build
WORKDIR /app
ENV NODE_ENV=production
COPY package.json package-lock.json ./
# `--omit=optional` leaves out Node, which the image already has. No package needs its installation scripts, so they are off.
RUN npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund
# Source maps and types are only for debuggers and compilers. They are 63 of 147 MB. 2 MB more are a package's test data.
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
# A first start fills Node's compile cache, and shows that the image can start. Nothing else of it is kept. The build stops
# the node once it answers. If the node ends by itself, or does not answer within 120 s, the build fails.
# It runs as the user of the image, because Node keeps a cache for each user, in files that other users cannot read.
RUN mkdir .compile-cache && chown node .compile-cache
USER node
ENV NODE_COMPILE_CACHE=/app/.compile-cache SERVICEDIR=services
RUN export DATABASE_URL=sqlite:/tmp/first/start.db; \
    timeout --preserve-status --signal=KILL 120 \
      node --max-semi-space-size=8 node_modules/moleculer/bin/moleculer-runner.mjs --config moleculer.config.ts --mask "**/*.service.ts" \
      > /dev/null & node=$!; \
    while kill -0 $node && ! node scripts/healthcheck.mjs; do sleep 1; done; \
    kill $node; wait $node && rm -rf /tmp/first
USER root
RUN chmod -R a+rX .compile-cache && mkdir -p data handlers

FROM node:24.21.0-bookworm-slim
WORKDIR /app
ENV NODE_ENV=production NODE_COMPILE_CACHE=/app/.compile-cache SERVICEDIR=services HOST=0.0.0.0
# The same variables as `npm start` sets. They keep memory flat under load.
ENV MALLOC_ARENA_MAX=2 MALLOC_MMAP_THRESHOLD_=4194304 MALLOC_TRIM_THRESHOLD_=16777216
COPY --from=build --chown=root:root /app ./
# Only SQLite, the default, writes here. Everything else of the image may be read-only.
RUN chown node:node data && chmod 700 data
USER node
EXPOSE 3000 3030
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 CMD ["node", "scripts/healthcheck.mjs"]
# Starts Node directly, because npm or a shell would not pass SIGTERM on.
CMD ["node", "--max-semi-space-size=8", "node_modules/moleculer/bin/moleculer-runner.mjs", "--config", "moleculer.config.ts", "--mask", "**/*.service.ts"]
