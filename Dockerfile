# syntax=docker/dockerfile:1
ARG NODE_IMAGE=node:22-alpine

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts
COPY tsconfig.json ./
COPY src ./src
RUN npm run build

FROM ${NODE_IMAGE} AS packages
WORKDIR /app
COPY package.json package-lock.json ./
# No install script is needed: the native packages bring their binaries.
RUN npm ci --omit=dev --ignore-scripts

FROM ${NODE_IMAGE}
ENV NODE_ENV=production
WORKDIR /app
# The embedded stores are kept in ./data, which belongs to the user that runs the program.
RUN install -d -o node -g node data
COPY package.json ./
COPY --from=packages /app/node_modules ./node_modules
COPY config ./config
COPY --from=build /app/dist/src ./dist/src
USER node
EXPOSE 8000 9100
# Memory: see docs/operations.md.
ENTRYPOINT ["node", "--max-semi-space-size=24", "--heap-growing-percent=150", "dist/src/cli/main.js"]
CMD ["start"]
