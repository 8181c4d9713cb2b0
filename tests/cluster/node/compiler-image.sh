#!/usr/bin/env bash
# What compiles the kernel for the product's image where python:3.13 is not to be had: the Debian tree of that image with
# a C compiler and Python's headers.
cd "$(dirname "$0")"
. ./common.sh
tree=$NODE/compiler
rm -rf "$tree"
cp -a "$NODE/debian-base" "$tree"
trap 'rm -rf "$tree"' EXIT
resolv=$(cat "$tree/etc/resolv.conf" 2>/dev/null || true)
cp /etc/resolv.conf "$tree/etc/resolv.conf"
chroot "$tree" apt-get update -qq >&2
DEBIAN_FRONTEND=noninteractive chroot "$tree" apt-get install -y -qq --no-install-recommends gcc libc6-dev python3-dev >&2
printf '%s' "$resolv" >"$tree/etc/resolv.conf"
rm -rf "$tree"/var/lib/apt/lists/* "$tree"/var/cache/apt/archives/*.deb "$tree"/usr/share/{doc,man,locale}/*
image_of_folder "$tree" "${IMAGE:?}"
