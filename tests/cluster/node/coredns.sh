#!/usr/bin/env bash
# Compiles CoreDNS with the plugins of a cluster's Corefile alone: with all of them it takes three times as long.
. "$(dirname "$0")/common.sh"
[ ! -x "$(program coredns "$COREDNS_VERSION")" ] || exit 0
folder=$work/coredns
rm -rf "$folder"
mkdir -p "$folder"
cd "$folder"
# in the order in which a query passes them
plugins=(reload ready health metrics errors log loop cache loadbalance kubernetes forward)
{
  printf 'package main\n\nimport (\n\t"github.com/coredns/coredns/core/dnsserver"\n\t"github.com/coredns/coredns/coremain"\n'
  printf '\t_ "github.com/coredns/coredns/plugin/%s"\n' "${plugins[@]}"
  printf ')\n\nfunc main() {\n\tdnsserver.Directives = []string{'
  printf '"%s", ' "${plugins[@]/metrics/prometheus}" # the plugin's folder and its directive differ in name
  printf '}\n\tcoremain.Run()\n}\n'
} >main.go
go mod init build-coredns
go get "github.com/coredns/coredns@v$COREDNS_VERSION"
go mod tidy
go build -trimpath -ldflags '-s -w' -o coredns .
install_program coredns "$COREDNS_VERSION" coredns
rm -rf "$folder"
