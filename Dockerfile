# syntax=docker/dockerfile:1
# The gateway, `ses-mail serve`: docs/serve.md. Compilers and sources stay in the first stage; no setting and no secret is baked in.

FROM node:24-slim AS build
# What better-sqlite3 is compiled with, where no ready-made binary fits.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends g++ make python3 \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts --no-audit --no-fund \
    && npm rebuild better-sqlite3
COPY tsconfig.json tsconfig.build.json ./
COPY scripts ./scripts
COPY src ./src
RUN npm run build \
    && npm prune --omit=dev --ignore-scripts --no-audit --no-fund
# Optional packages, in a folder of their own, such as --build-arg TELEMETRY=@sentry/core@11
ARG TELEMETRY=""
WORKDIR /telemetry
RUN mkdir --parents node_modules \
    && if [ -n "$TELEMETRY" ]; then npm install --ignore-scripts --no-audit --no-fund $TELEMETRY; fi

FROM node:24-slim
ENV NODE_ENV=production \
    SES_MAIL_DB=/data/ses-mail.db \
    SES_MAIL_HOST=0.0.0.0 \
    SES_MAIL_PORT=8080
COPY --from=build /app/node_modules /app/node_modules
COPY --from=build /app/dist /app/dist
# Node looks here for what is not in /app/node_modules.
COPY --from=build /telemetry/node_modules /node_modules
COPY bin /app/bin
COPY package.json LICENSE /app/
# The folder is the volume, not the file: beside a job file lie its -wal and -shm.
RUN mkdir --mode=0700 /data && chown node:node /data
USER node
WORKDIR /data
VOLUME ["/data"]
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
    CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.SES_MAIL_PORT}/health`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "/app/bin/ses-mail.js"]
CMD ["serve"]
