#!/usr/bin/env bash
# The node image: the Debian tree, kind's own files over it, Kubernetes' node programs, and the system images loaded.
cd "$(dirname "$0")"
. ./common.sh
tree=$work/node
files=$PWD/files
rm -rf "$tree"
cp -a "$NODE/debian-node" "$tree"
kind_source=$(module_dir "sigs.k8s.io/kind@v$KIND_VERSION")

add_kind_files() {
  cp -rL --no-preserve=mode,ownership "$kind_source/images/base/files/." "$tree/"
  rm -rf "$tree/LICENSES"
  chmod 755 "$tree"/usr/local/bin/* "$tree/kind/bin" "$tree"/kind/bin/*
  printf 'v%s' "$KUBERNETES_VERSION" >"$tree/kind/version"
  # where kind's entry point looks after cgroup v1 controllers, ours does
  local entry=$tree/usr/local/bin/entrypoint
  sed -i -e '/^remove_misc_controller() {/,/^}/{/^}/r '"$files/remove-misc-controller.sh" -e 'd}' "$entry"
  grep -q fake-cgroups "$entry"
}

quiet_systemd() { # as kind's own image leaves it: only what a node needs is started
  local units=$tree/lib/systemd/system
  rm -f "$units"/{multi-user,local-fs,basic}.target.wants/* "$tree"/etc/systemd/system/*.wants/* \
    "$units"/sockets.target.wants/*{udev,initctl}* "$units/sysinit.target.wants/systemd-tmpfiles-setup.service"
  ln -sf /lib/systemd/systemd "$tree/sbin/init"
  echo ReadKMsg=no >>"$tree/etc/systemd/journald.conf"
  # a node changes no setting of the whole machine
  rm -f "$tree"/{usr/,}lib/sysctl.d/{50-pid-max,99-protect-links}.conf
  systemctl --root="$tree" enable offline.service undo-mount-hacks.service containerd.service kubelet.service >&2
  systemctl --root="$tree" mask systemd-binfmt.service >&2
}

set_up_containerd() {
  local settings=$tree/etc/containerd/config.toml
  sed -i 's#/usr/local/bin/containerd#/usr/bin/containerd#' "$tree/etc/systemd/system/containerd.service"
  sed -i -e "s#pause:[0-9.]*\"#pause:$PAUSE_VERSION\"#" \
    -e 's/restrict_oom_score_adj = false/restrict_oom_score_adj = true/' "$settings" # no CAP_SYS_RESOURCE in a VM
  cat >>"$settings" <<'T'
[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "/usr/lib/cni"
  conf_dir = "/etc/cni/net.d"
  conf_template = "/etc/containerd/cni.template"
T
  install -m644 "$files/cni.template" "$tree/etc/containerd/"
  # every container starts from this spec: no resource limits that the machine may refuse to raise
  chroot "$tree" ctr oci spec | jq 'del(.process.rlimits)
    | .hooks.createContainer += [{"path": "/kind/bin/mount-product-files.sh"}]' >"$tree/etc/containerd/cri-base.json"
}

add_kubernetes() {
  local name
  for name in kubelet kubeadm kubectl; do
    install -m755 "$(program kubernetes "$KUBERNETES_VERSION" $name)" "$tree/usr/bin/"
  done
  mkdir -p "$tree"/etc/kubernetes/manifests "$tree"/etc/cni/net.d "$tree/kind/manifests"
  # kind keeps the storage class's manifest in its source, between back quotes
  sed -n '/^const defaultStorageManifest = `/,/^`$/p' "$kind_source/pkg/build/nodeimage/const_storage.go" | sed '1d;$d' |
    sed -e "s#\` + storageProvisionerImage + \`#localhost/local-path-provisioner:v$LOCAL_PATH_VERSION#" \
      -e 's#` + storageHelperImage + `#localhost/local-path-helper:1#' >"$tree/kind/manifests/default-storage.yaml"
  grep -q "image: localhost/local-path-provisioner:v$LOCAL_PATH_VERSION" "$tree/kind/manifests/default-storage.yaml"
}

go_offline() {
  install -m755 "$files/offline.sh" "$tree/kind/bin/"
  install -m644 "$files/offline.service" "$tree/etc/systemd/system/"
}

load_images() { # this machine's containerd writes the node's store; it is ended again
  local place=$work/preload pid archive tries
  rm -rf "$place"
  mkdir -p "$place"
  printf 'version = 2\nroot = "%s"\nstate = "%s"\n[grpc]\n  address = "%s"\n' \
    "$tree/var/lib/containerd" "$place/state" "$place/socket" >"$place/config.toml"
  containerd --config "$place/config.toml" >&2 &
  pid=$!
  trap 'kill "$pid" 2>/dev/null || true' EXIT
  for tries in $(seq 100); do
    ! ctr -a "$place/socket" version >/dev/null 2>&1 || break
    [ "$tries" != 100 ] || { echo "containerd does not answer" >&2 && return 1; }
    sleep 0.1
  done
  for archive in "$NODE"/images/*.tar; do
    ctr -a "$place/socket" -n k8s.io images import --no-unpack --digests "$archive" >&2
  done
  kill "$pid"
  wait "$pid" || true
  trap - EXIT
  rm -rf "$place"
}

echo "kind's files, systemd, containerd, Kubernetes"
add_kind_files
go_offline
quiet_systemd
set_up_containerd
add_kubernetes
echo "loading the system's images"
load_images
rm -rf "$tree"/var/lib/apt/lists/* "$tree"/var/cache/apt/* "$tree"/usr/share/{doc,man,locale}/*
rm -f "$tree/etc/resolv.conf"
: >"$tree/etc/resolv.conf"

echo "writing the image"
recipe=$work/node.Dockerfile
printf 'FROM scratch\nCOPY . /\nENV container=docker\nSTOPSIGNAL SIGRTMIN+3\nENTRYPOINT ["/usr/local/bin/entrypoint", "/sbin/init"]\n' >"$recipe"
buildah bud -q --isolation chroot --format docker -f "$recipe" -t "${IMAGE:?}" "$tree" >&2
rm -rf "$tree" "$recipe"
