#!/bin/sh
# Starts Redis with its users in a file on the volume: traders' users, which the operator makes and saves, survive a restart.
# The operator's own user is written anew from its Secret each time, as a hash, so that a changed password takes effect.
#
# `default` is off, so nobody can be it; yet it must have all rights: Redis replays the append-only file as that user and
# asks for its rights at each EXEC. Without them every script's writes (latches, leases, evidence) are dropped at a restart.
set -eu
data=${REDIS_DATA:-/data}
users=$data/users.acl
hash=$(printf %s "$REDIS_PASSWORD" | { sha256sum 2>/dev/null || busybox sha256sum; } | cut -d ' ' -f 1)
[ "${#hash}" -eq 64 ] || { echo "cannot hash the password: this image has no sha256sum" >&2; exit 1; }
touch "$users"
{
  grep -v -e '^user default ' -e '^user operator ' "$users" || true
  echo "user default off resetpass ~* &* +@all"
  echo "user operator on #$hash ~* &* +@all"
} >"$users.new"
mv "$users.new" "$users"
unset REDIS_PASSWORD
exec redis-server "${REDIS_CONF:-/etc/redis/redis.conf}"
