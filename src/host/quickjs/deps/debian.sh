# Where Debian comes from, and how it is known to be Debian. To be sourced.

# The keys that Debian's releases are signed with.
debian_keyring() {
  # Debian 13 calls the file .pgp.
  for file in /usr/share/keyrings/debian-archive-keyring.gpg \
    /usr/share/keyrings/debian-archive-keyring.pgp; do
    [ ! -r "$file" ] || { echo "$file" && return; }
  done
  return 1
}

# The mirrors to try: DEBIAN_MIRROR, for machines whose own sources name none that works, as Ubuntu's do;
# then those from which the machine gets Debian, if it is one.
debian_mirrors() {
  { echo "${DEBIAN_MIRROR:-}" && machine_mirrors; } | awk 'NF && !seen[$0]++'
}

machine_mirrors() (
  . /etc/os-release
  [ "${ID:-}" = debian ] && [ -n "${VERSION_CODENAME:-}" ] || return 0
  # Without release information, sources whose lists were never fetched are shown as well.
  apt-get indextargets --no-release-info --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' \
    'Created-By: Packages' | sed -n "s|/* $VERSION_CODENAME main\$||p"
)
