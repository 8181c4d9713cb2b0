#!/usr/bin/env bash
# Compiles CoreDNS with the few plugins of a cluster's Corefile: with all of them it takes three times as long.
cd "$(dirname "$0")"
. ./common.sh
folder=$work/coredns
rm -rf "$folder"
mkdir -p "$folder"
cp "files/coredns.go" "$folder/main.go"
cd "$folder"
go mod init build-coredns
go get "github.com/coredns/coredns@v$COREDNS_VERSION"
go mod tidy
go build -trimpath -ldflags '-s -w' -o coredns .
install_program coredns "$COREDNS_VERSION" coredns
rm -rf "$folder"
