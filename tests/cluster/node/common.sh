# Sourced by every script here. The variables in capitals come from clusterkit/tools.py (versions and places).
# stdout is progress for a person, one line a thing; everything else goes to stderr, which is the step's log.
# shellcheck shell=bash
set -euo pipefail
: "${CACHE:?is set by tests/cluster/up}" "${TOOLS:?}" "${NODE:?}"
work=$NODE/work
mkdir -p "$work"
export CGO_ENABLED=0 # static programs: they run in images without a C library

# install_program NAME VERSION FILE: puts a program in its place by version, at once or not at all
install_program() {
  local place=$TOOLS/$1-$2 new
  mkdir -p "$place"
  new=$place/.new-$$-$(basename "$3") # of this process alone: another may build the same program now
  install -m755 "$3" "$new"
  mv "$new" "$place/$(basename "$3")"
}

# module_dir MODULE@VERSION: the folder of a Go module's source, downloaded where missing
module_dir() {
  go mod download -json "$1" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p'
}

# program NAME VERSION [FILE]: the path of a program that was built
program() {
  echo "$TOOLS/$1-$2/${3:-$1}"
}

# image_of_folder FOLDER REFERENCE [ENTRYPOINT]: an image of one layer, in the engine's store
image_of_folder() {
  local recipe
  recipe=$(mktemp -p "$work")
  {
    printf 'FROM scratch\nCOPY . /\nENV PATH=/usr/local/bin:/usr/bin:/usr/sbin:/bin:/sbin\n'
    [ -z "${3:-}" ] || printf 'ENTRYPOINT ["%s"]\n' "$3"
  } >"$recipe"
  buildah bud -q --isolation chroot --timestamp 0 -f "$recipe" -t "$2" "$1" >&2
  rm -f "$recipe"
}

# copy_with_libraries ROOT TARGET FILE…: copies files of the Debian tree ROOT, and the libraries they load, to TARGET
copy_with_libraries() {
  local root=$1 target=$2 file library real
  shift 2
  for file in "$@"; do
    install -D "$root$file" "$target$file"
    { chroot "$root" ldd "$file" || true; } 2>/dev/null | grep -o '/[^ ]*' | while read -r library; do
      real=$(chroot "$root" readlink -f "$library")
      install -D "$root$real" "$target$real"
      # the loader asks for libx.so.1 where the file is libx.so.1.2.3
      library=$(chroot "$root" readlink -f "$(dirname "$library")")/$(basename "$library")
      [ "$library" = "$real" ] || ln -sf "$real" "$target$library"
    done || true
  done
}

# merged_usr FOLDER: the links of a Debian tree from /lib, /bin … into /usr
merged_usr() {
  local name
  for name in bin sbin lib lib64; do
    mkdir -p "$1/usr/$name"
    ln -s "usr/$name" "$1/$name"
  done
}
