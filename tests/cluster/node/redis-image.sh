#!/usr/bin/env bash
# A Redis image where the public one is not to be had: Debian's redis-server and redis-cli, the libraries they load,
# and busybox for a shell in probes. Installed in a copy of the node's Debian tree, then picked out of it.
cd "$(dirname "$0")"
. ./common.sh
tree=$work/redis-tree picked=$work/redis
rm -rf "$tree" "$picked"
cp -a "$NODE/debian-node" "$tree"
trap 'rm -rf "$tree" "$picked"' EXIT
cp /etc/resolv.conf "$tree/etc/resolv.conf"
printf '#!/bin/sh\nexit 101\n' >"$tree/usr/sbin/policy-rc.d" # start no service in there
chmod 755 "$tree/usr/sbin/policy-rc.d"
chroot "$tree" apt-get update -qq >&2
DEBIAN_FRONTEND=noninteractive chroot "$tree" apt-get install -y -qq --no-install-recommends redis-server >&2

mkdir -p "$picked"/{etc,data,tmp,usr/local/bin}
merged_usr "$picked"
# redis-server is a link to redis-check-rdb's twin in some releases: the real files are taken
for name in redis-server redis-cli; do
  real=$(chroot "$tree" readlink -f "/usr/bin/$name")
  copy_with_libraries "$tree" "$picked" "$real"
  ln -s "$real" "$picked/usr/local/bin/$name"
done
cp "$tree/bin/busybox" "$picked/usr/bin/"
for applet in sh cat echo printf test sleep mkdir rm cp mv ls chmod chown touch grep sed cut tr head tail wc date env id hostname; do
  ln -s busybox "$picked/usr/bin/$applet"
done
printf 'root:x:0:0:root:/:/bin/sh\nredis:x:999:999:redis:/data:/bin/sh\n' >"$picked/etc/passwd"
printf 'root:x:0:\nredis:x:999:\n' >"$picked/etc/group"
chmod 1777 "$picked/tmp"
chown 999:999 "$picked/data"

recipe=$work/redis.Dockerfile
printf 'FROM scratch\nCOPY . /\nUSER 999:999\nWORKDIR /data\nEXPOSE 6379\nENV PATH=/usr/local/bin:/usr/bin:/bin\nCMD ["redis-server"]\n' >"$recipe"
buildah bud -q --isolation chroot --timestamp 0 -f "$recipe" -t "${IMAGE:?}" "$picked" >&2
rm -f "$recipe"
