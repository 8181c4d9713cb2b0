#!/usr/bin/env bash
# The images of the control plane, the DNS server, the proxy and the volume provisioner: each a program in an empty
# image, under the name by which kubeadm or kind's manifests ask for it. They end as archives in node/images/.
cd "$(dirname "$0")"
. ./common.sh
tree=$NODE/debian-node archives=$NODE/images
rm -rf "$archives"
mkdir -p "$archives"

# keep REFERENCE: writes the image as an archive for the node, and frees the store
keep() {
  buildah push -q "$1" "docker-archive:$archives/${1//[\/:]/_}.tar:$1" >&2
  buildah rmi "$1" >&2
}

# single PROGRAM PLACE REFERENCE: an image of one program
single() {
  local folder
  folder=$(mktemp -d -p "$work")
  install -D "$1" "$folder$2"
  image_of_folder "$folder" "$3" "$2"
  keep "$3"
  rm -rf "$folder"
}

# kubeadm knows the names and versions that this Kubernetes wants
names=$("$(program kubernetes "$KUBERNETES_VERSION" kubeadm)" config images list --kubernetes-version "v$KUBERNETES_VERSION")
name_of() { # name_of COMPONENT VERSION: fails where the pinned version is not the wanted one
  grep -E "/$1:v?${2//./\\.}(-[0-9]+)?\$" <<<"$names" || {
    echo "this Kubernetes wants another $1 than the pinned $2; it asks for:" "$names" >&2
    return 1
  }
}

for component in kube-apiserver kube-controller-manager kube-scheduler; do
  single "$(program kubernetes "$KUBERNETES_VERSION" $component)" "/usr/local/bin/$component" "$(name_of $component "$KUBERNETES_VERSION")"
done
single "$(program etcd "$ETCD_VERSION")" /usr/local/bin/etcd "$(name_of etcd "$ETCD_VERSION")"
single "$(program coredns "$COREDNS_VERSION")" /coredns "$(name_of coredns "$COREDNS_VERSION")"
single "$(program kubernetes "$KUBERNETES_VERSION" pause)" /pause "$(name_of pause "$PAUSE_VERSION")"
single "$(program local-path-provisioner "$LOCAL_PATH_VERSION")" /usr/local/bin/local-path-provisioner \
  "localhost/local-path-provisioner:v$LOCAL_PATH_VERSION"

# the provisioner's helper pod makes and removes folders
helper=$(mktemp -d -p "$work")
mkdir -p "$helper/bin"
cp "$tree/bin/busybox" "$helper/bin/"
for applet in sh mkdir rm chmod cat; do ln -s busybox "$helper/bin/$applet"; done
image_of_folder "$helper" localhost/local-path-helper:1
keep localhost/local-path-helper:1
rm -rf "$helper"

# kube-proxy calls iptables, which loads its extensions by name
proxy=$(mktemp -d -p "$work")
merged_usr "$proxy"
mkdir -p "$proxy"/{run,tmp,usr/local/bin}
cp "$(program kubernetes "$KUBERNETES_VERSION" kube-proxy)" "$proxy/usr/local/bin/"
mapfile -t needed < <(cd "$tree" && printf '/%s\n' usr/sbin/{xtables-nft-multi,nft} usr/lib/*-linux-gnu/xtables/*.so)
copy_with_libraries "$tree" "$proxy" "${needed[@]}"
for name in {iptables,ip6tables}{,-save,-restore}; do ln -s xtables-nft-multi "$proxy/usr/sbin/$name"; done
reference=$(name_of kube-proxy "$KUBERNETES_VERSION")
image_of_folder "$proxy" "$reference"
keep "$reference"
rm -rf "$proxy"
