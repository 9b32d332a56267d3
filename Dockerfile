# The tempered command of this checkout, for `tempered scenario run --stage hosts` and single nodes.
# Build it in the checkout: docker build -t tempered .
FROM node:22-slim AS build
WORKDIR /app
COPY . .
# pnpm at the pinned version, dependencies as locked, the build.
RUN node scripts/setup.mjs

FROM node:22-slim
# The folder for converted data; one that cannot be written to costs a second at each start.
ENV NODE_ENV=production TEMPERED_CACHE=/tmp/tempered
COPY --from=build /app /app
RUN chmod 755 /app/packages/cli/dist/main.js && ln -s /app/packages/cli/dist/main.js /usr/local/bin/tempered
USER node
WORKDIR /host
EXPOSE 4001
# Whether a node runs on this folder and answers. Containers that do something else ignore it (docker run --no-healthcheck).
HEALTHCHECK --interval=60s --timeout=15s --start-period=2m --retries=3 CMD ["tempered", "status", "/host"]
CMD ["tempered", "--help"]
