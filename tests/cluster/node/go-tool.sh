#!/usr/bin/env bash
# Compiles one program from its Go module: kind, helm, etcd or local-path-provisioner.
cd "$(dirname "$0")"
. ./common.sh
case ${1:?which program} in
  kind) version=$KIND_VERSION module=sigs.k8s.io/kind@v$version package=sigs.k8s.io/kind ;;
  helm) version=$HELM_VERSION module=helm.sh/helm/v3@v$version package=helm.sh/helm/v3/cmd/helm ;;
  etcd) version=$ETCD_VERSION module=go.etcd.io/etcd/server/v3@v$version package=go.etcd.io/etcd/server/v3 ;;
  local-path-provisioner)
    version=$LOCAL_PATH_VERSION
    module=github.com/rancher/local-path-provisioner@v$version package=${module%@*}
    ;;
  *) echo "go-tool.sh: unknown program $1" >&2 && exit 2 ;;
esac
[ ! -x "$(program "$1" "$version")" ] || exit 0

# A module of our own, since `go install PATH@VERSION` refuses a go.mod that has replace lines.
folder=$work/$1
rm -rf "$folder"
mkdir -p "$folder"
cd "$folder"
go mod init "build-$1"
go get "$module"
go build -mod=mod -trimpath -ldflags '-s -w' -o "$folder/$1" "$package"
install_program "$1" "$version" "$folder/$1"
rm -rf "$folder"
