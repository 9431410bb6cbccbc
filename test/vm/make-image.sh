#!/bin/sh
# make-image.sh RECIPE FOLDER
#
# Makes the image of RECIPE in FOLDER, if it is not there, with the first mirror of Debian that works.
# Images beside it that nothing has used for a week are removed.
set -eu
recipe=$1
folder=$2

if [ -e "$folder" ]; then
  touch "$folder"
  exit
fi
rm -rf "${folder%/*}"/*.new
find "${folder%/*}" -mindepth 1 -maxdepth 1 -type d -mtime +7 -exec rm -rf {} +

. "$(dirname "$0")/../../src/host/quickjs/deps/debian.sh"

keyring=$(debian_keyring) || {
  echo "vm: no keys to check Debian's signatures with: apt-get install debian-archive-keyring" >&2
  exit 1
}
for mirror in $(debian_mirrors); do
  rm -rf "$folder.new"
  mkdir "$folder.new"
  if "$recipe/build.sh" "$folder.new" "$mirror" "$keyring"; then
    mv "$folder.new" "$folder"
    exit
  fi
done
rm -rf "$folder.new"
echo "vm: the guest could not be made; another mirror: DEBIAN_MIRROR=http://…/debian" >&2
exit 1
