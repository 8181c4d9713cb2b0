#!/usr/bin/env bash
# Compiles Kubernetes' programs (all that a node needs, or those that are named) from the module k8s.io/kubernetes.
# Its go.mod points at staging folders, so it cannot be installed directly: a module of our own names each staging
# module's published version in their place.
cd "$(dirname "$0")"
. ./common.sh
programs=("$@")
[ $# -gt 0 ] || programs=(kube-apiserver kube-controller-manager kube-scheduler kube-proxy kubelet kubeadm kubectl)
published=v0.${KUBERNETES_VERSION#*.}
source=$(module_dir "k8s.io/kubernetes@v$KUBERNETES_VERSION")

module=$work/kubernetes
mkdir -p "$module"
cd "$module"
{
  printf 'module kubernetes-programs\n\ngo 1.24.0\n\nrequire k8s.io/kubernetes v%s\n\nreplace (\n' "$KUBERNETES_VERSION"
  sed -n 's#^\s*\(k8s\.io/[^ ]*\) => \./staging.*#\t\1 => \1 '"$published"'#p' "$source/go.mod"
  printf ')\n\ntool (\n'
  printf '\tk8s.io/kubernetes/cmd/%s\n' "${programs[@]}"
  printf ')\n'
} >go.mod
rm -f go.sum
[ -x "$(program kubernetes "$KUBERNETES_VERSION" "${programs[-1]}")" ] || echo "fetching modules"
go mod tidy

minor=${KUBERNETES_VERSION#*.} minor=${minor%%.*}
stamp="-s -w"
for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
  stamp+=" -X $package.gitVersion=v$KUBERNETES_VERSION -X $package.gitMajor=1 -X $package.gitMinor=$minor"
done
count=0
for name in "${programs[@]}"; do
  count=$((count + 1))
  [ ! -x "$(program kubernetes "$KUBERNETES_VERSION" "$name")" ] || continue
  echo "$name ($count of ${#programs[@]}; the first compiles what they share)"
  go build -trimpath -ldflags "$stamp" -o "$module/$name" "k8s.io/kubernetes/cmd/$name"
  install_program kubernetes "$KUBERNETES_VERSION" "$module/$name"
  rm -f "$module/$name"
done

# the smallest program of all holds each pod's namespaces
if [ $# -eq 0 ]; then
  gcc -Os -static -DVERSION="$PAUSE_VERSION" -o "$module/pause" "$source/build/pause/linux/pause.c"
  install_program kubernetes "$KUBERNETES_VERSION" "$module/pause"
fi
