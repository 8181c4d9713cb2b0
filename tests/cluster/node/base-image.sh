#!/usr/bin/env bash
# The base of the product's image where python:3.13-slim is not to be had: Debian and its Python.
cd "$(dirname "$0")"
. ./common.sh
tree=$NODE/base-slim
rm -rf "$tree"
cp -a "$NODE/debian-base" "$tree"
rm -rf "$tree"/var/lib/apt/lists/* "$tree"/usr/lib/python3*/{test,idlelib,turtledemo,lib2to3}
find "$tree" -name __pycache__ -prune -exec rm -rf {} +
image_of_folder "$tree" "${IMAGE:?}"
rm -rf "$tree"
