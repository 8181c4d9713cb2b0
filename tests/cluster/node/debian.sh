#!/usr/bin/env bash
# A minimal Debian tree by debootstrap: `node` (systemd and what Kubernetes' node programs call), or `base` (Python,
# for the product's image).
cd "$(dirname "$0")"
. ./common.sh
case ${1:?node or base} in
  node)
    suite=$NODE_SUITE
    packages=systemd,dbus,kmod,mount,util-linux,procps,bash,curl,jq,ca-certificates,busybox-static
    packages+=,containerd,runc,containernetworking-plugins,libseccomp2
    packages+=,iptables,nftables,conntrack,iproute2,ethtool
    ;;
  base)
    suite=$IMAGE_SUITE
    packages=python3,python3-venv,ca-certificates
    ;;
  *) echo "debian.sh: unknown tree $1" >&2 && exit 2 ;;
esac
tree=$NODE/debian-$1
rm -rf "$tree"
debootstrap --variant=minbase --include="$packages" "$suite" "$tree" >&2
rm -rf "$tree"/var/cache/apt/*.bin "$tree"/var/cache/apt/archives/*.deb \
  "$tree"/usr/share/{doc,man,locale,info,lintian}/* "$tree"/var/log/*.log
