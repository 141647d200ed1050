#!/bin/sh
# Stops and starts the servers of the soak if they are containers: kill|pause|resume|up kafka|mongo.
# Resolves "up" when the container's own health check passes again.
set -eu

case $2 in
  kafka) container=$KAFKA_CONTAINER ;;
  mongo) container=$MONGODB_CONTAINER ;;
  *) echo "no such server: $2" >&2; exit 2 ;;
esac

case $1 in
  kill) docker kill "$container" ;;
  pause) docker pause "$container" ;;
  resume) docker unpause "$container" ;;
  up)
    docker start "$container"
    until [ "$(docker inspect --format '{{.State.Health.Status}}' "$container")" = healthy ]; do sleep 1; done
    ;;
  *) echo "no such verb: $1" >&2; exit 2 ;;
esac
