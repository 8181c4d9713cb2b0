#!/usr/bin/env bash
# The Debian packages that build and run the node: nothing here starts a service.
cd "$(dirname "$0")"
. ./common.sh
export DEBIAN_FRONTEND=noninteractive
wanted=(podman buildah containerd runc containernetworking-plugins netavark aardvark-dns
  iptables nftables conntrack debootstrap jq gcc libc6-dev)
apt-get update -qq >&2
apt-get install -y -qq --no-install-recommends "${wanted[@]}" >&2
mkdir -p /lib/modules # kind mounts it into the node; an empty one is enough
